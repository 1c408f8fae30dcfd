package main

import (
	"runtime"
	"sync"
	"time"
)

// The cases of the suite parallel; ours are in bench/programs/sluice-parallel.ts.

type small struct {
	id    int
	name  string
	ready bool
}

func channelInt(n int) float64 {
	ch := make(chan int32, 1024)
	return perOp(n, func() {
		go func() {
			for i := 0; i < n; i++ {
				ch <- int32(i)
			}
			close(ch)
		}()
		for range ch {
		}
	})
}

func channelObject(n int) float64 {
	ch := make(chan *small, 1024)
	return perOp(n, func() {
		go func() {
			for i := 0; i < n; i++ {
				ch <- &small{i, "a small object", true}
			}
			close(ch)
		}()
		for range ch {
		}
	})
}

// piece is pure arithmetic for some milliseconds: programs/pieces.ts does the same.
func piece(seed int) int32 {
	x := int32(seed) | 1
	for i := 0; i < 4_000_000; i++ {
		x = x*1_664_525 + 1_013_904_223
	}
	return x
}

// fanOut is a pool of as many goroutines as there are processors; milliseconds.
func fanOut(n int) float64 {
	start := time.Now()
	seeds := make(chan int, n)
	results := make([]int32, n)
	for seed := 0; seed < n; seed++ {
		seeds <- seed
	}
	close(seeds)
	var wg sync.WaitGroup
	for p := 0; p < runtime.GOMAXPROCS(0); p++ {
		wg.Add(1)
		go func() {
			for seed := range seeds {
				results[seed] = piece(seed)
			}
			wg.Done()
		}()
	}
	wg.Wait()
	return float64(time.Since(start).Microseconds()) / 1000
}
