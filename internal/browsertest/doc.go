// Package browsertest drives a real browser in tests: Debian's Chromium, without a window, with a profile of its own.
//
// It owns the browser's life, pictures of pages at a width and in a colour scheme, an authenticator for WebAuthn that is not
// there, and the question whether a page keeps to WCAG 2.2 AA as far as a machine can tell: contrast of every visible text,
// names of controls, headings, landmarks, tables, what the keyboard reaches and what it shows there, the size of targets, no
// sideways scrolling, no violation of the content security policy and no error of a script. It refuses nothing by itself: it
// tells the test. It reaches no network but what a test serves.
//
// It is for tests alone. A machine without Chromium skips these tests, unless the environment says CI=true.
package browsertest
