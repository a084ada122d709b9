package main

type callCmd struct{}

func (callCmd) Run(p *program) error { return &usageError{"not yet"} }
