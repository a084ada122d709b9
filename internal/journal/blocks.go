package journal

import (
	"database/sql"
	"net/netip"
	"time"

	"penstock/app"
)

// address is the reverse of blob.
func address(b []byte) netip.Addr {
	ip, _ := netip.AddrFromSlice(b)
	return ip
}

func (j *Journal) writable() (*sql.DB, error) {
	if j.file == nil {
		return nil, errNotOpen
	}
	if db := j.file.handle(); db != nil {
		return db, nil
	}
	return nil, errNotOpen
}

// SaveBlock keeps a block over a restart. The error says that it will be gone then.
func (j *Journal) SaveBlock(b app.Block) error {
	db, err := j.writable()
	if err != nil {
		return err
	}
	var until int64
	if !b.Until.IsZero() {
		until = b.Until.UnixMicro()
	}
	_, err = db.Exec("INSERT OR REPLACE INTO blocks (network, since, until, text, by) VALUES (?, ?, ?, ?, ?)",
		b.Network.String(), b.Since.UnixMicro(), until, b.Text, b.By)
	return err
}

// DeleteBlock forgets a block. The error says that it will be back after a restart.
func (j *Journal) DeleteBlock(network netip.Prefix) error {
	db, err := j.writable()
	if err != nil {
		return err
	}
	_, err = db.Exec("DELETE FROM blocks WHERE network = ?", network.String())
	return err
}

// Blocks returns the blocks that are not over, and deletes the others.
func (j *Journal) Blocks() ([]app.Block, error) {
	db, err := j.writable()
	if err != nil {
		return nil, err
	}
	if _, err := db.Exec("DELETE FROM blocks WHERE until <> 0 AND until <= ?", time.Now().UnixMicro()); err != nil {
		return nil, err
	}
	rows, err := db.Query("SELECT network, since, until, text, by FROM blocks ORDER BY since LIMIT ?", app.MaxBlocks)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []app.Block
	for rows.Next() {
		var b app.Block
		var network string
		var since, until int64
		if err := rows.Scan(&network, &since, &until, &b.Text, &b.By); err != nil {
			return nil, err
		}
		if b.Network, err = netip.ParsePrefix(network); err != nil {
			continue // somebody else wrote it
		}
		if b.Since = time.UnixMicro(since); until != 0 {
			b.Until = time.UnixMicro(until)
		}
		list = append(list, b)
	}
	return list, rows.Err()
}
