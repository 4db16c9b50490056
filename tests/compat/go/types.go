package main

// Fields of the types that plivo-go decodes into (reference: its public source, version 7). encoding/json refuses a number
// where a string is declared, and the other way round; null leaves a field as it is.

type meta struct {
	Previous   *string `json:"previous"`
	Next       *string `json:"next"`
	Offset     int64   `json:"offset"`
	Limit      int64   `json:"limit"`
	TotalCount int64   `json:"total_count"`
}

type list[T any] struct {
	APIID   string `json:"api_id"`
	Meta    meta   `json:"meta"`
	Objects []T    `json:"objects"`
}

type done struct {
	APIID   string `json:"api_id"`
	Message string `json:"message"`
}

type account struct {
	AccountType  string `json:"account_type"`
	Address      string `json:"address"`
	APIID        string `json:"api_id"`
	AuthID       string `json:"auth_id"`
	AutoRecharge bool   `json:"auto_recharge"`
	BillingMode  string `json:"billing_mode"`
	CashCredits  string `json:"cash_credits"`
	City         string `json:"city"`
	Name         string `json:"name"`
	ResourceURI  string `json:"resource_uri"`
	State        string `json:"state"`
	Timezone     string `json:"timezone"`
}

type newSubaccount struct {
	done
	AuthID    string `json:"auth_id"`
	AuthToken string `json:"auth_token"`
}

type subaccount struct {
	Account     string `json:"account"`
	AuthID      string `json:"auth_id"`
	AuthToken   string `json:"auth_token"`
	Created     string `json:"created"`
	Modified    string `json:"modified"`
	Name        string `json:"name"`
	Enabled     bool   `json:"enabled"`
	ResourceURI string `json:"resource_uri"`
}

type newApplication struct {
	done
	AppID string `json:"app_id"`
}

type application struct {
	AppID               string `json:"app_id"`
	AppName             string `json:"app_name"`
	AnswerURL           string `json:"answer_url"`
	AnswerMethod        string `json:"answer_method"`
	HangupURL           string `json:"hangup_url"`
	HangupMethod        string `json:"hangup_method"`
	FallbackAnswerURL   string `json:"fallback_answer_url"`
	FallbackMethod      string `json:"fallback_method"`
	MessageURL          string `json:"message_url"`
	MessageMethod       string `json:"message_method"`
	DefaultApp          bool   `json:"default_app"`
	DefaultEndpointApp  bool   `json:"default_endpoint_app"`
	LogIncomingMessages bool   `json:"log_incoming_messages"`
	PublicURI           bool   `json:"public_uri"`
	ResourceURI         string `json:"resource_uri"`
}

type newEndpoint struct {
	done
	Alias      string `json:"alias"`
	EndpointID string `json:"endpoint_id"`
	Username   string `json:"username"`
}

type endpoint struct {
	Alias       string `json:"alias"`
	EndpointID  string `json:"endpoint_id"`
	Password    string `json:"password"`
	ResourceURI string `json:"resource_uri"`
	SIPURI      string `json:"sip_uri"`
	Username    string `json:"username"`
	AppID       string `json:"app_id"`
}

type number struct {
	Number            string `json:"number"`
	Alias             string `json:"alias"`
	Application       string `json:"application"`
	AddedOn           string `json:"added_on"`
	Carrier           string `json:"carrier"`
	City              string `json:"city"`
	CNAMLookup        string `json:"cnam_lookup"`
	Country           string `json:"country"`
	MMSEnabled        bool   `json:"mms_enabled"`
	MMSRate           string `json:"mms_rate"`
	MonthlyRentalRate string `json:"monthly_rental_rate"`
	NumberType        string `json:"number_type"`
	RenewalDate       string `json:"renewal_date"`
	ResourceURI       string `json:"resource_uri"`
	SMSEnabled        bool   `json:"sms_enabled"`
	SMSRate           string `json:"sms_rate"`
	VoiceEnabled      bool   `json:"voice_enabled"`
	VoiceRate         string `json:"voice_rate"`
}

type phoneNumber struct {
	Number            string `json:"number"`
	City              string `json:"city"`
	Country           string `json:"country"`
	Lata              int    `json:"lata"`
	MonthlyRentalRate string `json:"monthly_rental_rate"`
	Prefix            string `json:"prefix"`
	RateCenter        string `json:"rate_center"`
	Region            string `json:"region"`
	Restriction       string `json:"restriction"`
	RestrictionText   string `json:"restriction_text"`
	SetupRate         string `json:"setup_rate"`
	SMSEnabled        bool   `json:"sms_enabled"`
	SMSRate           string `json:"sms_rate"`
	Type              string `json:"type"`
	VoiceEnabled      bool   `json:"voice_enabled"`
	VoiceRate         string `json:"voice_rate"`
}

type rented struct {
	done
	Numbers []struct {
		Number string `json:"number"`
		Status string `json:"status"`
	} `json:"numbers"`
	Status string `json:"status"`
}

type newCall struct {
	done
	RequestUUID interface{} `json:"request_uuid"`
}

type call struct {
	AnswerTime        string `json:"answer_time"`
	BillDuration      int64  `json:"bill_duration"`
	BilledDuration    int64  `json:"billed_duration"`
	CallDirection     string `json:"call_direction"`
	CallDuration      int64  `json:"call_duration"`
	CallState         string `json:"call_state"`
	CallUUID          string `json:"call_uuid"`
	CnamLookup        string `json:"cnam_lookup"`
	ConferenceUUID    string `json:"conference_uuid"`
	EndTime           string `json:"end_time"`
	FromNumber        string `json:"from_number"`
	HangupCauseCode   int64  `json:"hangup_cause_code"`
	HangupCauseName   string `json:"hangup_cause_name"`
	HangupSource      string `json:"hangup_source"`
	InitiationTime    string `json:"initiation_time"`
	ParentCallUUID    string `json:"parent_call_uuid"`
	ResourceURI       string `json:"resource_uri"`
	SourceIP          string `json:"source_ip"`
	StirAttestation   string `json:"stir_attestation"`
	StirVerification  string `json:"stir_verification"`
	ToNumber          string `json:"to_number"`
	TotalAmount       string `json:"total_amount"`
	TotalRate         string `json:"total_rate"`
	VoiceNetworkGroup string `json:"voice_network_group"`
}

type uuids struct {
	APIID string   `json:"api_id"`
	Calls []string `json:"calls"`
}

type liveCall struct {
	From             string `json:"from"`
	To               string `json:"to"`
	CallUUID         string `json:"call_uuid"`
	CallerName       string `json:"caller_name"`
	CallStatus       string `json:"call_status"`
	ParentCallUUID   string `json:"parent_call_uuid"`
	SessionStart     string `json:"session_start"`
	StirVerification string `json:"stir_verification"`
	StirAttestation  string `json:"stir_attestation"`
}

type queuedCall struct {
	APIID       string `json:"api_id"`
	From        string `json:"from"`
	To          string `json:"to"`
	Status      string `json:"call_status"`
	CallUUID    string `json:"call_uuid"`
	CallerName  string `json:"caller_name"`
	Direction   string `json:"direction"`
	RequestUUID string `json:"request_uuid"`
}

type newRecording struct {
	done
	URL         string `json:"url"`
	RecordingID string `json:"recording_id"`
}

type recording struct {
	AddTime             string `json:"add_time"`
	CallUUID            string `json:"call_uuid"`
	ConferenceName      string `json:"conference_name"`
	FromNumber          string `json:"from_number"`
	RecordingDurationMS string `json:"recording_duration_ms"`
	RecordingEndMS      string `json:"recording_end_ms"`
	RecordingFormat     string `json:"recording_format"`
	RecordingID         string `json:"recording_id"`
	RecordingStartMS    string `json:"recording_start_ms"`
	RecordingType       string `json:"recording_type"`
	RecordingURL        string `json:"recording_url"`
	ResourceURI         string `json:"resource_uri"`
	ToNumber            string `json:"to_number"`
}

type conferences struct {
	APIID       string   `json:"api_id"`
	Conferences []string `json:"conferences"`
}

type multiPartyCall struct {
	BilledAmount   string `json:"billed_amount"`
	BilledDuration int64  `json:"billed_duration"`
	CreationTime   string `json:"creation_time"`
	Duration       int64  `json:"duration"`
	EndTime        string `json:"end_time"`
	FriendlyName   string `json:"friendly_name"`
	MPCUUID        string `json:"mpc_uuid"`
	Participants   string `json:"participants"`
	Recording      string `json:"recording"`
	ResourceURI    string `json:"resource_uri"`
	StartTime      string `json:"start_time"`
	Status         string `json:"status"`
	StayAlone      bool   `json:"stay_alone"`
}

type token struct {
	APIID string `json:"api_id"`
	Token string `json:"token"`
}
