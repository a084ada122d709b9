package main

type publishCmd struct{}

func (publishCmd) Run(p *program) error { return &usageError{"not yet"} }
