package traffic

import "slices"

// extend takes up the folders that have come since the last Poll. One that is gone stays: what was counted of it is past.
func (s *Sums) extend() {
	if s.cfg.More == nil {
		return
	}
	for _, dir := range s.cfg.More() {
		if !slices.Contains(s.cfg.Folders, dir) {
			s.cfg.Folders = append(slices.Clip(s.cfg.Folders), dir)
			s.kept = append(s.kept, &folder{dir: dir, files: map[string]*file{}})
		}
	}
}
