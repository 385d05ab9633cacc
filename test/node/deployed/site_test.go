package deployed

import (
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// site is where the modules of a test make things, as they would in a cloud. It is
// reached from pods, and is safe for use by several goroutines.
type site struct {
	url string

	mu sync.Mutex
	// made and destroyed count how often that was done to each thing.
	made, destroyed map[string]int
	// told is what was last said of each thing when it was made.
	told map[string]string
	// held are the things that may not be made for now, until the channel is
	// closed; waiting counts who asks.
	held    map[string]chan struct{}
	waiting map[string]int
}

// apiServer is the address of the API server; its host is that of the node, too.
func apiServer(t testing.TB) *url.URL {
	t.Helper()
	address, err := url.Parse(shared.Config.Host)
	if err != nil {
		t.Fatal(err)
	}
	return address
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{
		made: map[string]int{}, destroyed: map[string]int{}, told: map[string]string{},
		held: map[string]chan struct{}{}, waiting: map[string]int{},
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(apiServer(t).Hostname(), "0"))
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: s}}
	server.Start()
	t.Cleanup(func() {
		// Who was killed while it waited may never have hung up.
		server.CloseClientConnections()
		server.Close()
	})
	s.url = server.URL
	return s
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	thing := strings.TrimPrefix(r.URL.Path, "/")
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	switch r.Method {
	case http.MethodGet:
		s.ask(r, thing)
	case http.MethodPut:
		s.note(s.made, thing)
		s.tell(thing, string(body))
	case http.MethodDelete:
		s.note(s.destroyed, thing)
	default:
		http.Error(w, r.Method, http.StatusMethodNotAllowed)
	}
}

// ask returns when the thing may be made, or nobody asks any more.
func (s *site) ask(r *http.Request, thing string) {
	s.mu.Lock()
	held := s.held[thing]
	s.waiting[thing]++
	s.mu.Unlock()
	if held != nil {
		select {
		case <-held:
		case <-r.Context().Done():
		}
	}
	s.mu.Lock()
	s.waiting[thing]--
	s.mu.Unlock()
}

func (s *site) note(counts map[string]int, thing string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts[thing]++
}

func (s *site) tell(thing, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told[thing] = text
}

// hold has whoever is to make the thing wait until release is called.
func (s *site) hold(thing string) (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := make(chan struct{})
	s.held[thing] = held
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.held, thing)
		close(held)
	})
}

// begun tells whether somebody waits to make the thing.
func (s *site) begun(thing string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waiting[thing] > 0
}

// history is what was done to all things, as "thing: made N, destroyed N".
func (s *site) history() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	things := maps.Clone(s.made)
	maps.Copy(things, s.destroyed)
	var lines []string
	for thing := range things {
		lines = append(lines, fmt.Sprintf("%s: made %d, destroyed %d", thing, s.made[thing], s.destroyed[thing]))
	}
	return lines
}

// what returns what was told of a thing.
func (s *site) what(thing string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.told[thing]
}
