// A program as users of plivo-go write them, as far as the wire goes: it sends what the SDK sends, through plivohere, and
// decodes the answers into fields of the types that the SDK declares. One JSON object a line comes in, one goes out.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"

	"offhooktest/plivohere"
)

type command struct {
	Do   string                 `json:"do"`   // for example Calls.Get
	Args []string               `json:"args"` // for the places of the path
	With map[string]interface{} `json:"with"` // parameters; null: none
}

type told struct {
	Ok     interface{} `json:"ok,omitempty"`
	Error  string      `json:"error,omitempty"`
	Status int         `json:"status"`
}

// An operation: its method, its path behind /v1/Account/{auth_id}/, and a new struct to decode into.
type operation struct {
	method, path string
	into         func() interface{}
}

func nothing() interface{} { return nil }

var operations = map[string]operation{
	"Accounts.Get":        {"GET", "", func() interface{} { return &account{} }},
	"Accounts.Update":     {"POST", "", func() interface{} { return &done{} }},
	"Subaccounts.Create":  {"POST", "Subaccount", func() interface{} { return &newSubaccount{} }},
	"Subaccounts.Get":     {"GET", "Subaccount/%s", func() interface{} { return &subaccount{} }},
	"Subaccounts.List":    {"GET", "Subaccount", func() interface{} { return &list[subaccount]{} }},
	"Subaccounts.Update":  {"POST", "Subaccount/%s", func() interface{} { return &done{} }},
	"Subaccounts.Delete":  {"DELETE", "Subaccount/%s", nothing},
	"Applications.Create": {"POST", "Application", func() interface{} { return &newApplication{} }},
	"Applications.Get":    {"GET", "Application/%s", func() interface{} { return &application{} }},
	"Applications.List":   {"GET", "Application", func() interface{} { return &list[application]{} }},
	"Applications.Update": {"POST", "Application/%s", func() interface{} { return &done{} }},
	"Applications.Delete": {"DELETE", "Application/%s", nothing},
	"Endpoints.Create":    {"POST", "Endpoint", func() interface{} { return &newEndpoint{} }},
	"Endpoints.Get":       {"GET", "Endpoint/%s", func() interface{} { return &endpoint{} }},
	"Endpoints.List":      {"GET", "Endpoint", func() interface{} { return &list[endpoint]{} }},
	"Endpoints.Update":    {"POST", "Endpoint/%s", func() interface{} { return &done{} }},
	"Endpoints.Delete":    {"DELETE", "Endpoint/%s", nothing},
	"Numbers.Create":      {"POST", "Number", func() interface{} { return &done{} }},
	"Numbers.Get":         {"GET", "Number/%s", func() interface{} { return &number{} }},
	"Numbers.List":        {"GET", "Number", func() interface{} { return &list[number]{} }},
	"Numbers.Update":      {"POST", "Number/%s", func() interface{} { return &done{} }},
	"Numbers.Delete":      {"DELETE", "Number/%s", nothing},
	"PhoneNumbers.List":   {"GET", "PhoneNumber", func() interface{} { return &list[phoneNumber]{} }},
	"PhoneNumbers.Create": {"POST", "PhoneNumber/%s", func() interface{} { return &rented{} }},
	"Calls.Create":        {"POST", "Call", func() interface{} { return &newCall{} }},
	"Calls.Get":           {"GET", "Call/%s", func() interface{} { return &call{} }},
	"Calls.List":          {"GET", "Call", func() interface{} { return &list[call]{} }},
	"Calls.Update":        {"POST", "Call/%s", func() interface{} { return &done{} }},
	"Calls.Delete":        {"DELETE", "Call/%s", nothing},
	"Calls.CancelRequest": {"DELETE", "Request/%s", nothing},
	"LiveCalls.IDList":    {"GET", "Call?status=live", func() interface{} { return &uuids{} }},
	"LiveCalls.Get":       {"GET", "Call/%s?status=live", func() interface{} { return &liveCall{} }},
	"QueuedCalls.IDList":  {"GET", "Call?status=queued", func() interface{} { return &uuids{} }},
	"QueuedCalls.Get":     {"GET", "Call/%s?status=queued", func() interface{} { return &queuedCall{} }},
	"Calls.Play":          {"POST", "Call/%s/Play", func() interface{} { return &done{} }},
	"Calls.StopPlaying":   {"DELETE", "Call/%s/Play", nothing},
	"Calls.Speak":         {"POST", "Call/%s/Speak", func() interface{} { return &done{} }},
	"Calls.StopSpeaking":  {"DELETE", "Call/%s/Speak", nothing},
	"Calls.SendDigits":    {"POST", "Call/%s/DTMF", func() interface{} { return &done{} }},
	"Calls.Record":        {"POST", "Call/%s/Record", func() interface{} { return &newRecording{} }},
	"Calls.StopRecording": {"DELETE", "Call/%s/Record", nothing},
	"Recordings.Get":      {"GET", "Recording/%s", func() interface{} { return &recording{} }},
	"Recordings.List":     {"GET", "Recording", func() interface{} { return &list[recording]{} }},
	"Recordings.Delete":   {"DELETE", "Recording/%s", nothing},
	"MultiPartyCall.List": {"GET", "MultiPartyCall", func() interface{} { return &list[multiPartyCall]{} }},
	"Conferences.IDList":  {"GET", "Conference", func() interface{} { return &conferences{} }},
	"Token.Create":        {"POST", "JWT/Token", func() interface{} { return &token{} }},
	"CallFeedback.Create": {"POST", "", func() interface{} { return &done{} }},
}

func main() {
	client, err := plivohere.Client(os.Getenv("NODE_URL"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var given command
		if err := json.Unmarshal(lines.Bytes(), &given); err != nil {
			panic(err)
		}
		out, _ := json.Marshal(answer(client, given))
		fmt.Println(string(out))
	}
}

func answer(client *http.Client, given command) told {
	known, ok := operations[given.Do]
	if !ok {
		return told{Error: "no such operation: " + given.Do}
	}
	request, err := written(known, given)
	if err != nil {
		return told{Error: err.Error()}
	}
	response, err := client.Do(request)
	if err != nil {
		return told{Error: err.Error()}
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		return told{Error: err.Error(), Status: response.StatusCode}
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return told{Error: string(data), Status: response.StatusCode}
	}
	body := known.into()
	if body != nil {
		if err := json.Unmarshal(data, body); err != nil {
			return told{Error: "decoding: " + err.Error(), Status: response.StatusCode}
		}
	} else if len(data) > 0 {
		return told{Error: "a body where none belongs: " + string(data), Status: response.StatusCode}
	}
	return told{Ok: body, Status: response.StatusCode}
}

// written makes the request as the SDK does: its own host, no slash at the end but on the account itself, where there are two.
func written(known operation, given command) (*http.Request, error) {
	places := make([]interface{}, 0, len(given.Args)+1)
	places = append(places, os.Getenv("AUTH_ID"))
	for _, each := range given.Args {
		places = append(places, each)
	}
	target := fmt.Sprintf("https://api.plivo.com/v1/Account/%s/"+known.path, places...)
	if known.path == "" {
		target += "/"
	}
	if given.Do == "CallFeedback.Create" {
		target = "https://stats.plivo.com/v1/Call/" + given.Args[0] + "/Feedback/"
	}
	var body bytes.Buffer
	if known.method == "GET" {
		query := url.Values{}
		for name, value := range given.With {
			query.Set(name, fmt.Sprint(value))
		}
		if len(query) > 0 {
			target += "?" + query.Encode()
		}
	} else if given.With != nil {
		if err := json.NewEncoder(&body).Encode(given.With); err != nil {
			return nil, err
		}
	}
	request, err := http.NewRequest(known.method, target, &body)
	if err != nil {
		return nil, err
	}
	request.Header.Add("User-Agent", "plivo-go/7 (Go: test)")
	request.Header.Add("Content-Type", "application/json")
	request.SetBasicAuth(os.Getenv("AUTH_ID"), os.Getenv("AUTH_TOKEN"))
	request.Host = "api.plivo.com" // the SDK sets it beside the URL
	return request, nil
}
