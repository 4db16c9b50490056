package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"offhooktest/plivohere"
)

func TestOnlyWhatIsMeantForPlivoGoesElsewhereAndTheRequestStaysAsItIs(t *testing.T) {
	var seen []string
	here := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) {
		body, _ := io.ReadAll(request.Body)
		seen = append(seen, request.Host+" "+request.URL.String()+" "+string(body))
	}))
	defer here.Close()
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) {
		seen = append(seen, "other "+request.URL.String())
	}))
	defer other.Close()
	client, err := plivohere.Client(here.URL)
	if err != nil {
		t.Fatal(err)
	}
	address, _ := url.Parse(here.URL)
	for _, target := range []string{"https://api.plivo.com/v1/Account/MA/Call?limit=2", "https://stats.plivo.com/v1/Call/u/Feedback/", other.URL + "/x"} {
		request, _ := http.NewRequest("POST", target, strings.NewReader("body"))
		request.Host = request.URL.Host
		if _, err := client.Do(request); err != nil {
			t.Fatal(err)
		}
		if request.URL.String() != target {
			t.Errorf("the request was changed: %s", request.URL)
		}
	}
	wanted := []string{address.Host + " /v1/Account/MA/Call?limit=2 body", address.Host + " /v1/Call/u/Feedback/ body", "other /x"}
	if strings.Join(seen, "\n") != strings.Join(wanted, "\n") {
		t.Errorf("seen %q, wanted %q", seen, wanted)
	}
}

func TestWhatIsNoAddressOfANodeIsSaidAtOnce(t *testing.T) {
	t.Setenv("OFFHOOK_URL", "")
	for _, bad := range []string{"", "voice.example.com", "ftp://voice.example.com", "http://voice.example.com/v1/Account", "http://"} {
		if _, err := plivohere.Client(bad); err == nil || !strings.Contains(err.Error(), "is no address of a node") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	t.Setenv("OFFHOOK_URL", "https://voice.example.com/")
	if _, err := plivohere.Client(""); err != nil {
		t.Error(err)
	}
}
