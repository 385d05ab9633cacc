package workload

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/event"
)

// Clusters puts questions to API servers and keeps the last answers. A question
// belongs to a CAPTControlPlane, its owner.
type Clusters struct {
	clock    clock.PassiveClock
	answered chan event.TypedGenericEvent[types.NamespacedName]

	mu        sync.Mutex
	questions map[question]*state
	// asking counts the questions that are being asked, with those that nobody
	// waits for any more.
	asking map[question]int
}

// question is what is asked for an owner.
type question struct {
	owner types.NamespacedName
	kind  kind
}

type kind string

const (
	verifying kind = "verify"
	trying    kind = "try"
	issuing   kind = "issue"
	removing  kind = "remove"
)

// state is how a question stands.
type state struct {
	// about is what the question was put with: another one is another question.
	about string
	// pending is true while it is being asked.
	pending bool
	// last is the last answer; zero if there was none.
	last Answer
}

// Answer is what came of a question.
type Answer struct {
	// At is when it came; zero means that there was no answer yet.
	At time.Time
	// Err is an *Error if the server did not give what it was asked for.
	Err error
	// Failures counts the answers with an Err since the last one without.
	Failures int

	// User is whom the server takes us for, "" if it cannot tell, and Version what
	// it runs: of Verify.
	User, Version string
	// Token is a secret: of Issue.
	Token string
}

// New returns Clusters that nobody has been asked of.
func New(clock clock.PassiveClock) *Clusters {
	return &Clusters{
		clock:     clock,
		answered:  make(chan event.TypedGenericEvent[types.NamespacedName]),
		questions: map[question]*state{},
		asking:    map[question]int{},
	}
}

// Answered receives the owner of each question that has been answered.
func (c *Clusters) Answered() <-chan event.TypedGenericEvent[types.NamespacedName] { return c.answered }

// Verify asks who we are with a kubeconfig, and which version the server runs;
// the account of the owner also whether it may do what it is for. It returns the
// last answer for this kubeconfig; one that came before since leads to another
// question.
func (c *Clusters) Verify(owner types.NamespacedName, kubeconfig []byte, since time.Time) Answer {
	return c.open(question{owner, verifying}, kubeconfig, since)
}

// Try asks the same with a kubeconfig that is to take the place of another, without
// forgetting the answer for that.
func (c *Clusters) Try(owner types.NamespacedName, kubeconfig []byte, since time.Time) Answer {
	return c.open(question{owner, trying}, kubeconfig, since)
}

func (c *Clusters) open(key question, kubeconfig []byte, since time.Time) Answer {
	return c.ask(key, digest(kubeconfig), since, func(ctx context.Context) (Answer, error) {
		return with(kubeconfig, func(c *connection) (answer Answer, err error) {
			if answer.User, err = c.whoAmI(ctx); err != nil {
				return Answer{}, err
			}
			if account := (Account{ControlPlane: key.owner}); answer.User == account.User() {
				if err := account.mayRenew(ctx, c); err != nil {
					return Answer{}, err
				}
			}
			answer.Version, err = c.serverVersion(ctx)
			return answer, err
		})
	})
}

// Credentials open a cluster, the better one first.
type Credentials struct {
	// Own is a kubeconfig with an earlier token of the account; it can make
	// tokens only. Module is that of the module, which can make and repair the
	// account. Each may be nil.
	Own, Module []byte
}

// Issue asks for a token of an account, which is made if need be. The token has
// been tried. An answer is returned like that of Verify: the same token, until
// another is asked for. Another credential of the module is another question; the
// token of the account is another each time.
func (c *Clusters) Issue(account Account, credentials Credentials, since time.Time) Answer {
	about := fmt.Sprint(account) + digest(credentials.Module)
	return c.ask(question{account.ControlPlane, issuing}, about, since, func(ctx context.Context) (Answer, error) {
		token, err := issue(ctx, account, credentials)
		return Answer{Token: token}, err
	})
}

func issue(ctx context.Context, account Account, credentials Credentials) (string, error) {
	if credentials.Module != nil {
		token, err := with(credentials.Module, func(c *connection) (string, error) {
			if err := account.ensure(ctx, c); err != nil {
				return "", err
			}
			return account.goodToken(ctx, c)
		})
		if err == nil || !refused(err) || credentials.Own == nil {
			return token, err
		}
	}
	return with(credentials.Own, func(c *connection) (string, error) { return account.goodToken(ctx, c) })
}

// Remove asks for everything that was made for an account to be deleted, when
// nothing is being made any more.
func (c *Clusters) Remove(account Account, credentials Credentials, since time.Time) Answer {
	if c.running(question{account.ControlPlane, issuing}) {
		return Answer{} // its end wakes the owner
	}
	about := digest(credentials.Own) + digest(credentials.Module)
	return c.ask(question{account.ControlPlane, removing}, about, since, func(ctx context.Context) (Answer, error) {
		remove := func(c *connection) (Answer, error) { return Answer{}, account.remove(ctx, c) }
		if credentials.Module != nil {
			answer, err := with(credentials.Module, remove)
			if err == nil || !refused(err) || credentials.Own == nil {
				return answer, err
			}
		}
		return with(credentials.Own, remove)
	})
}

func with[T any](kubeconfig []byte, do func(*connection) (T, error)) (T, error) {
	c, err := connect(kubeconfig)
	if err != nil {
		var none T
		return none, err
	}
	defer c.close()
	return do(c)
}

// Forget forgets all answers for an owner.
func (c *Clusters) Forget(owner types.NamespacedName) {
	for _, kind := range []kind{verifying, trying, issuing, removing} {
		c.forget(question{owner, kind})
	}
}

func (c *Clusters) forget(key question) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.questions, key)
}

// ask returns the last answer about this, and puts the question if there is none
// that came at since or later.
func (c *Clusters) ask(key question, about string, since time.Time, put func(context.Context) (Answer, error)) Answer {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.questions[key]
	if s == nil || s.about != about {
		s = &state{about: about}
		c.questions[key] = s
	}
	// An answer of the future was dated by a clock that was wrong then.
	isOld := s.last.At.Before(since) || !since.IsZero() && s.last.At.After(c.clock.Now())
	if !s.pending && (s.last.At.IsZero() || isOld) {
		s.pending = true
		c.asking[key]++
		go c.put(key, s, put)
	}
	return s.last
}

// put puts the question and keeps the answer.
func (c *Clusters) put(key question, s *state, put func(context.Context) (Answer, error)) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	answer, err := put(ctx)
	answer.Err = classify(err)
	c.mu.Lock()
	if answer.Err != nil {
		answer.Failures = s.last.Failures + 1
	}
	answer.At = c.clock.Now()
	s.last, s.pending = answer, false
	if c.asking[key]--; c.asking[key] == 0 {
		delete(c.asking, key)
	}
	c.mu.Unlock()
	c.answered <- event.TypedGenericEvent[types.NamespacedName]{Object: key.owner}
}

// running tells whether a question is being asked.
func (c *Clusters) running(key question) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asking[key] > 0
}

func digest(text []byte) string { return fmt.Sprintf("%x", sha256.Sum256(text)) }
