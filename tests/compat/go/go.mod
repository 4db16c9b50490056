module offhooktest

go 1.19
