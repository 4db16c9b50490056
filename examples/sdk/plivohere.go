// Package plivohere points Plivo's SDK for Go, unmodified, at an Offhook node.
//
//	here, err := plivohere.Client("http://127.0.0.1:8080")
//	client, err := plivo.NewClient("MA…", "…", &plivo.ClientOptions{HttpClient: here})
//
// The SDK writes its host into each request, and lets its owner choose the HTTP client that sends it. This one changes scheme
// and host of what is meant for Plivo's voice API, and nothing else. Copy the file into a folder plivohere of your program.
package plivohere

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"time"
)

// Timeout is how long a request may take: what the SDK's own client allows.
const Timeout = 10 * time.Second

// Hosts are those whose requests go to the node.
var Hosts = map[string]bool{"api.plivo.com": true, "stats.plivo.com": true}

// Client returns an HTTP client for plivo.ClientOptions. An empty address means the one in OFFHOOK_URL.
func Client(node string) (*http.Client, error) {
	if node == "" {
		node = os.Getenv("OFFHOOK_URL")
	}
	to, err := url.Parse(node)
	if err != nil || (to.Scheme != "http" && to.Scheme != "https") || to.Host == "" || (to.Path != "" && to.Path != "/") {
		return nil, fmt.Errorf("%q is no address of a node; it looks like http://127.0.0.1:8080 (argument of Client, or OFFHOOK_URL)", node)
	}
	return &http.Client{Transport: &Transport{Node: to}, Timeout: Timeout}, nil
}

// Transport sends requests for Plivo's voice API to a node, and all others where they want to go.
type Transport struct {
	Node *url.URL
	// Base does the sending; nil: http.DefaultTransport.
	Base http.RoundTripper
}

// RoundTrip implements http.RoundTripper: the request that it is given stays as it is.
func (transport *Transport) RoundTrip(request *http.Request) (*http.Response, error) {
	base := transport.Base
	if base == nil {
		base = http.DefaultTransport
	}
	if !Hosts[request.URL.Hostname()] {
		return base.RoundTrip(request)
	}
	sent := request.Clone(request.Context())
	sent.URL.Scheme, sent.URL.Host = transport.Node.Scheme, transport.Node.Host
	// The SDK sets this too, and net/http would send it as the Host field.
	sent.Host = ""
	return base.RoundTrip(sent)
}
