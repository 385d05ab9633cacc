package chaos

import (
	"context"

	. "github.com/onsi/gomega"
)

// background runs something until the test ends, which fails if that did.
func (w *world) background(run func(context.Context) error) context.Context {
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.ctx))
	w.Cleanup(cancel)
	w.inBackground(ctx, run)
	return ctx
}

// inBackground runs something until ctx ends.
func (w *world) inBackground(ctx context.Context, run func(context.Context) error) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	w.Cleanup(func() {
		cancel()
		w.Expect(<-ended).To(Succeed())
	})
}
