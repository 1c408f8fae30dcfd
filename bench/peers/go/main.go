// The Go side of the suites runtime, pool and parallel: `peer CASE N ROUNDS` prints one number a line, the figure of each round.
// Each case is the same program as the one of that name in bench/programs/sluice.ts.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// perOp runs body once and gives nanoseconds for each of n operations.
func perOp(n int, body func()) float64 {
	start := time.Now()
	body()
	return float64(time.Since(start).Nanoseconds()) / float64(n)
}

func spawn(n int) float64 {
	return perOp(n, func() {
		var wg sync.WaitGroup
		for i := 0; i < n; i += 250 {
			wg.Add(250)
			for j := 0; j < 250; j++ {
				go wg.Done()
			}
			wg.Wait()
		}
	})
}

func pingPong(n int) float64 {
	there, back := make(chan int), make(chan int)
	go func() {
		for v := range there {
			back <- v
		}
	}()
	defer close(there)
	return perOp(n, func() {
		for i := 0; i < n; i += 2 {
			there <- i
			<-back
		}
	})
}

func buffered(n int) float64 {
	ch := make(chan int, 128)
	return perOp(n, func() {
		go func() {
			for i := 0; i < n; i++ {
				ch <- i
			}
			close(ch)
		}()
		sum := 0
		for v := range ch {
			sum += v
		}
	})
}

// sendAll puts each value on one of the channels in turn; the receiver selects over all of them.
func sendAll(channels []chan int, n int) {
	for i := 0; i < n; i++ {
		channels[i%len(channels)] <- i
	}
}

func select2(n int) float64 {
	a, b := make(chan int), make(chan int)
	go sendAll([]chan int{a, b}, n)
	return perOp(n, func() {
		for i := 0; i < n; i++ {
			select {
			case <-a:
			case <-b:
			}
		}
	})
}

func eight(capacity int) (c [8]chan int) {
	for i := range c {
		c[i] = make(chan int, capacity)
	}
	return c
}

func select8(n int) float64 {
	c := eight(0)
	go sendAll(c[:], n)
	return perOp(n, func() {
		for i := 0; i < n; i++ {
			select {
			case <-c[0]:
			case <-c[1]:
			case <-c[2]:
			case <-c[3]:
			case <-c[4]:
			case <-c[5]:
			case <-c[6]:
			case <-c[7]:
			}
		}
	})
}

func selectReady2(n int) float64 {
	a, b := make(chan int, 1), make(chan int, 1)
	return perOp(n, func() {
		for i := 0; i < n; i++ {
			a <- i
			select {
			case <-a:
			case <-b:
			}
		}
	})
}

func selectReady8(n int) float64 {
	c := eight(1)
	return perOp(n, func() {
		for i := 0; i < n; i++ {
			c[0] <- i
			select {
			case <-c[0]:
			case <-c[1]:
			case <-c[2]:
			case <-c[3]:
			case <-c[4]:
			case <-c[5]:
			case <-c[6]:
			case <-c[7]:
			}
		}
	})
}

func mutexFree(n int) float64 {
	var mu sync.Mutex
	return perOp(n, func() {
		for i := 0; i < n; i++ {
			mu.Lock()
			mu.Unlock()
		}
	})
}

// Each of 100 goroutines gives up its turn while it holds the mutex, so all others find it locked.
func mutexContended(n int) float64 {
	var mu sync.Mutex
	var wg sync.WaitGroup
	return perOp(n, func() {
		wg.Add(100)
		for g := 0; g < 100; g++ {
			go func() {
				for i := 0; i < n/100; i++ {
					mu.Lock()
					runtime.Gosched()
					mu.Unlock()
				}
				wg.Done()
			}()
		}
		wg.Wait()
	})
}

func group(n int) float64 {
	return perOp(n, func() {
		for i := 0; i < n; i += 10_000 {
			var g errgroup.Group
			for j := 0; j < 10_000; j++ {
				g.Go(func() error { return nil })
			}
			if err := g.Wait(); err != nil {
				panic(err)
			}
		}
	})
}

func rss() float64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		panic(err)
	}
	for _, line := range strings.Split(string(text), "\n") {
		if strings.HasPrefix(line, "VmRSS:") {
			kib, _ := strconv.ParseFloat(strings.Fields(line)[1], 64)
			return kib * 1024
		}
	}
	panic("no VmRSS")
}

var started int64

// startParked starts n goroutines that wait on one channel, and gives how long that took in milliseconds. They are
// counted as they run, since a goroutine that exists need not have run yet.
func startParked(n int) (ms float64, stop func()) {
	ch := make(chan int)
	atomic.StoreInt64(&started, 0)
	start := time.Now()
	for i := 0; i < n; i++ {
		go func() {
			atomic.AddInt64(&started, 1)
			<-ch
		}()
	}
	for atomic.LoadInt64(&started) < int64(n) {
		runtime.Gosched()
	}
	return float64(time.Since(start).Microseconds()) / 1000, func() { close(ch) }
}

func parkedBytes(n int) float64 {
	runtime.GC()
	before := rss()
	_, stop := startParked(n)
	runtime.GC()
	defer stop()
	return (rss() - before) / float64(n)
}

func inUse() float64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return float64(stats.HeapInuse + stats.StackInuse)
}

func parkedHeap(n int) float64 {
	runtime.GC()
	before := inUse()
	_, stop := startParked(n)
	runtime.GC()
	defer stop()
	return (inUse() - before) / float64(n)
}

func parkedStart(n int) float64 {
	ms, stop := startParked(n)
	defer stop()
	return ms
}

type object struct{ buf [1024]byte }

func poolGetPut(n int) float64 {
	pool := sync.Pool{New: func() any { return new(object) }}
	return perOp(n, func() {
		for i := 0; i < n; i++ {
			o := pool.Get().(*object)
			o.buf[0] = byte(i)
			pool.Put(o)
		}
	})
}

var cases = map[string]func(int) float64{
	"spawn": spawn, "pingpong": pingPong, "buffered": buffered,
	"select2": select2, "select8": select8, "selectReady2": selectReady2, "selectReady8": selectReady8,
	"mutexFree": mutexFree, "mutexContended": mutexContended, "group": group,
	"parkedBytes": parkedBytes, "parkedHeap": parkedHeap, "parkedStart": parkedStart, "poolGetPut": poolGetPut,
	"channelInt": channelInt, "channelObject": channelObject, "fanOut": fanOut,
}

func main() {
	run, n, rounds := cases[os.Args[1]], number(os.Args[2]), number(os.Args[3])
	for i := 0; i < rounds; i++ {
		fmt.Println(run(n))
	}
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		panic(err)
	}
	return n
}
