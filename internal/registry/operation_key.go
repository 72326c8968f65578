package registry

import "context"

// SealingKeyRotate is the parameters of "sealing_key.rotate": none; the environment is the operation's.
type SealingKeyRotate struct{}

func (r *Registry) doSealingKeyRotate(ctx context.Context, j job, _ SealingKeyRotate) (Done, error) {
	return Done{}, r.RotateSealingKey(ctx, j.actor, j.op.Environment)
}

// SealingKeyDrop is the parameters of "sealing_key.drop": none; the environment is the operation's.
type SealingKeyDrop struct{}

func (r *Registry) doSealingKeyDrop(ctx context.Context, j job, _ SealingKeyDrop) (Done, error) {
	_, err := r.DropSealingKeys(ctx, j.actor, j.op.Environment)
	return Done{}, err
}
