module countersign.dev/bench

go 1.26.3

require (
	countersign.dev v0.0.0
	github.com/aws/aws-sdk-go-v2 v1.47.6
)

require (
	github.com/aws/smithy-go v1.28.8 // indirect
	github.com/goccy/go-yaml v1.19.2 // indirect
)

replace countersign.dev => ..
