package main

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"countersign.dev/internal/desired"
)

var errRate = hinted{errors.New("not a rate"), `write requests per span: 50/s, 600/m, 5000/h, 100000/d or 10/30s`}

// parseRate reads "50/s" or "10/30s".
func parseRate(text string) (rate int, per time.Duration, err error) {
	rate, per, ok := desired.ParseRate(text)
	if !ok {
		return 0, 0, errRate
	}
	return rate, per, nil
}

// formatRate is the text that parseRate reads; empty without a rate.
func formatRate(rate int, per time.Duration) string {
	if rate == 0 {
		return ""
	}
	span := fmt.Sprintf("%ds", per/time.Second)
	switch per {
	case time.Second:
		span = "s"
	case time.Minute:
		span = "m"
	case time.Hour:
		span = "h"
	case 24 * time.Hour:
		span = "d"
	}
	return fmt.Sprintf("%d/%s", rate, span)
}

// cells are what a table shows of a limit after its environment.
func (v limitView) cells() []string {
	burst, daily := "", ""
	if v.Burst > 0 {
		burst = strconv.Itoa(v.Burst)
	}
	if v.Daily > 0 {
		daily = strconv.FormatInt(v.Daily, 10)
	}
	return []string{v.API, v.CredentialID, v.Rate, burst, daily, v.ID}
}
