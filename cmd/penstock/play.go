package main

type playCmd struct{}

func (playCmd) Run(p *program) error { return &usageError{"not yet"} }
