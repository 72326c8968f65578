// Package chart draws numbers as SVG on the server: stacked bars over time, lines over time, and bars beside names. Each chart
// is a <figure> with a title, a description for those who do not see it, and a <details> with the same numbers as a table.
//
// It owns geometry, scales and their words. It refuses to draw what is not finite or below zero, and more points than a page
// can hold (both are left out, and the table says so). The attack it answers: names of strangers in a picture. They reach the
// markup through html/template alone, and no number is put into a style attribute, so that the content security policy can
// forbid those.
package chart
