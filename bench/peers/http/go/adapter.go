// What the Go servers of the suite `http` have in common: see bench/README.md.
package main

import (
	"fmt"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

const greeting = "hello"

// order is the body of `POST /orders/:id`; the tags are for gin's validator.
type order struct {
	Item     string `json:"item" binding:"required,min=1"`
	Quantity int    `json:"quantity" binding:"required,min=1"`
}

// valid is what the tags say, for servers that come without a validator.
func (o order) valid() bool {
	return o.Item != "" && o.Quantity >= 1
}

// acceptedOrder is the answer to it.
type acceptedOrder struct {
	ID       string `json:"id"`
	Item     string `json:"item"`
	Quantity int    `json:"quantity"`
	Total    int    `json:"total"`
}

func accepted(id string, o order) acceptedOrder {
	return acceptedOrder{ID: id, Item: o.Item, Quantity: o.Quantity, Total: o.Quantity * 250}
}

// listen says where the server listens. On SIGUSR2 it collects garbage, gives back what is free and says so: its memory is about to be read.
func listen() net.Listener {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGUSR2)
	go func() {
		for range asked {
			debug.FreeOSMemory() // collects first
			fmt.Println("collected")
		}
	}()
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	return listener
}
