package sharedobject_test

import (
	"testing"

	"penstock/sharedobject"
	"penstock/sharedobject/storetest"
)

func TestMemoryStore(t *testing.T) {
	storetest.Run(t, func(*testing.T) sharedobject.Store { return new(sharedobject.MemoryStore) }, nil)
}
