package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"sync"

	engine "modernc.org/sqlite"
)

// feedName is the aggregate function that calls the program with each row: of its arguments the first is a number of Begin's, the others are
// the columns. Asking the engine for one column after another costs more than finding the row: three locks and a copy for each.
const feedName = "countersign_feed"

// feeds are the readings at work on the connections of one pool. It implements tables.Feed.
type feeds struct {
	driver *engine.Driver

	mu      sync.Mutex
	last    int64
	waiting map[int64]*feeding
}

// newFeeds makes feeds, and a driver of their own whose connections know the function.
func newFeeds() (*feeds, error) {
	f := &feeds{driver: new(engine.Driver), waiting: map[int64]*feeding{}}
	err := f.driver.RegisterFunction(feedName, &engine.FunctionImpl{NArgs: -1, VolatileArgs: true,
		MakeAggregate: func(engine.FunctionContext) (engine.AggregateFunction, error) { return &feedCall{feeds: f}, nil }})
	return f, err
}

// Statement implements tables.Feed. The rows keep their order, since nothing sorts or groups them on their way into the function; whoever
// needs it looks.
func (*feeds) Statement(query string, n int) string {
	columns := make([]string, n)
	for i := range columns {
		columns[i] = fmt.Sprintf("c%d", i)
	}
	all := strings.Join(columns, ", ")
	return "WITH fed (" + all + ") AS (" + query + ") SELECT " + feedName + "(?, " + all + ") FROM fed"
}

// Begin implements tables.Feed.
func (f *feeds) Begin(row func([]driver.Value) error) (number int64, end func() error) {
	one := &feeding{row: row}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last++
	number = f.last
	f.waiting[number] = one
	return number, func() error {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.waiting, number)
		return one.failed
	}
}

func (f *feeds) find(number driver.Value) *feeding {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, _ := number.(int64)
	return f.waiting[n]
}

// feeding is one reading.
type feeding struct {
	row    func([]driver.Value) error
	count  int64
	failed error
}

var errFeed = errors.New("the row was not taken")

// feedCall is one call of the function by the engine.
type feedCall struct {
	feeds *feeds
	to    *feeding
}

// Step implements the engine's AggregateFunction.
func (c *feedCall) Step(_ *engine.FunctionContext, row []driver.Value) error {
	if c.to == nil {
		if len(row) > 0 {
			c.to = c.feeds.find(row[0])
		}
		if c.to == nil {
			return errFeed
		}
	}
	if c.to.failed == nil {
		c.to.count++
		c.to.failed = c.to.row(row[1:])
	}
	if c.to.failed != nil {
		return errFeed
	}
	return nil
}

// WindowInverse implements the engine's AggregateFunction: the function is not for windows.
func (*feedCall) WindowInverse(*engine.FunctionContext, []driver.Value) error { return errFeed }

// WindowValue implements the engine's AggregateFunction: it is how many rows there were.
func (c *feedCall) WindowValue(*engine.FunctionContext) (driver.Value, error) {
	if c.to == nil {
		return int64(0), nil
	}
	return c.to.count, nil
}

// Final implements the engine's AggregateFunction.
func (*feedCall) Final(*engine.FunctionContext) {}

// connector opens the connections of a pool.
type connector struct {
	driver *engine.Driver
	name   string
}

// Connect implements driver.Connector.
func (c connector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.name) }

// Driver implements driver.Connector.
func (c connector) Driver() driver.Driver { return c.driver }

// pool opens no connection yet.
func (f *feeds) pool(name string) *sql.DB { return sql.OpenDB(connector{f.driver, name}) }
