package registry

// For the fuzz targets.
var (
	CheckLink         = checkLink
	CheckComment      = checkComment
	CheckEvidenceName = checkEvidenceName
	Sniff             = sniff
)

// ParseReviewPlace reads a place in a listing and writes it again.
func ParseReviewPlace(text string) (string, error) {
	k, err := parseReviewKey(text)
	return k.String(), err
}
