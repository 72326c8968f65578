//go:build !testclock

package main

import "time"

// clock is the time of everything that this program does: what it decides, records, seals and issues by. Spans that only the
// machine sees, as how long a stop took, are measured by time itself. There is one, so that a program that is built for a test
// (build tag testclock) can be taken through a year in minutes; of that, nothing is in this build.
func clock() time.Time { return time.Now() }
