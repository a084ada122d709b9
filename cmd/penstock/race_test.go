//go:build race

package main

// raceEnabled makes the program under test find races when its tests do.
const raceEnabled = true
