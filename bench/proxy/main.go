// Command proxy is what the chat server is compared with: the reverse proxy of Go's standard library.
//
// It forwards everything to one upstream and does nothing else: no identity, no history, no protocol. When it
// listens it prints {"port": N}.
package main

import (
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
)

func main() {
	upstream := flag.String("upstream", "", "base URL to forward to")
	flag.Parse()
	target, err := url.Parse(*upstream)
	if err != nil || target.Host == "" {
		log.Fatalf("-upstream %q is not a URL", *upstream)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("{\"port\": %d}\n", listener.Addr().(*net.TCPAddr).Port)
	log.Fatal(http.Serve(listener, newProxy(target)))
}

// newProxy passes streams on at once, and keeps enough idle connections that none is opened anew for a call.
//
// Full duplex, because a model that answers at once otherwise loses a race: the server closes the request's body when
// the response begins, the transport may still be looking for the end of that body, and then drops its connection.
func newProxy(target *url.URL) http.Handler {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 1024
	transport.Proxy = nil
	proxy := &httputil.ReverseProxy{
		Rewrite:       func(request *httputil.ProxyRequest) { request.SetURL(target) },
		Transport:     transport,
		FlushInterval: -1,
	}
	return http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		if err := http.NewResponseController(response).EnableFullDuplex(); err != nil {
			log.Fatal(err)
		}
		proxy.ServeHTTP(response, request)
	})
}
