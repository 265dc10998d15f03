// Go. The command line and the line that is printed are those of ../src/lib.rs; goroutines run on so many
// threads by GOMAXPROCS.
package main

import (
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

func number(i int) int64 {
	v, err := strconv.ParseInt(os.Args[i+2], 10, 64)
	if err != nil {
		panic(err)
	}
	return v
}

func unsupported() {
	os.Exit(64)
}

func check(ok bool) {
	if !ok {
		panic("a wrong sum")
	}
}

func report(n int64, took time.Duration) {
	fmt.Printf("workload=%s peer=go n=%d ns_per_op=%.3f\n", os.Args[1], n, float64(took.Nanoseconds())/float64(n))
}

func timed(f func()) time.Duration {
	begin := time.Now()
	f()
	return time.Since(begin)
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func memory() int64 {
	status, _ := os.ReadFile("/proc/self/status")
	var sum int64
	for _, line := range strings.Split(string(status), "\n") {
		if strings.HasPrefix(line, "VmRSS:") || strings.HasPrefix(line, "VmPTE:") {
			k, _ := strconv.ParseInt(strings.Fields(line)[1], 10, 64)
			sum += k * 1024
		}
	}
	return sum
}

func yields(tasks, each int64) {
	var wg sync.WaitGroup
	wg.Add(int(tasks))
	for i := int64(0); i < tasks; i++ {
		go func() {
			for j := int64(0); j < each; j++ {
				runtime.Gosched()
			}
			wg.Done()
		}()
	}
	wg.Wait()
}

func spawns(tasks, batch int64) {
	results := make([]int64, batch)
	var sum int64
	for first := int64(0); first < tasks; first += batch {
		var wg sync.WaitGroup
		wg.Add(int(batch))
		for i := int64(0); i < batch; i++ {
			i, first := i, first
			go func() {
				results[i] = first + i
				wg.Done()
			}()
		}
		wg.Wait()
		for _, v := range results {
			sum += v
		}
	}
	check(sum == tasks*(tasks-1)/2)
}

func messages(n int64) {
	there, back := make(chan int64, 1), make(chan int64, 1)
	var wg sync.WaitGroup
	wg.Add(2)
	go func() {
		for i := int64(0); i < n/2; i++ {
			there <- i
			check(<-back == i)
		}
		wg.Done()
	}()
	go func() {
		for i := int64(0); i < n/2; i++ {
			back <- <-there
		}
		wg.Done()
	}()
	wg.Wait()
}

func tree(result chan<- int64, first, leaves int64) {
	if leaves == 1 {
		result <- first
		return
	}
	results := make(chan int64)
	part := leaves / 10
	for i := int64(0); i < 10; i++ {
		go tree(results, first+i*part, part)
	}
	var sum int64
	for i := 0; i < 10; i++ {
		sum += <-results
	}
	result <- sum
}

func skynet(leaves, times int64) {
	var last time.Duration
	for i := int64(0); i < times; i++ {
		last = timed(func() {
			result := make(chan int64)
			go tree(result, 0, leaves)
			check(<-result == leaves*(leaves-1)/2)
		})
	}
	var tasks int64
	for l := leaves; l >= 1; l /= 10 {
		tasks += l
	}
	report(tasks, last)
}

// The work of a task of skew, as ../src/lib.rs has it.
const slices = 4

func roundsOfSlice(task uint64) uint64 {
	if task%64 == 63 {
		return 16_000
	}
	return 250
}

func work(state, rounds uint64) uint64 {
	for round := uint64(0); round < rounds; round++ {
		state = (state^(state>>29))*0x9E3779B97F4A7C15 ^ round
	}
	return state
}

func worked(task uint64, between func()) uint64 {
	state := task
	for i := 0; i < slices; i++ {
		state = work(state, roundsOfSlice(task))
		between()
	}
	return state
}

func skew(tasks, batch int64) {
	for first := int64(0); first < tasks; first += batch {
		results := make([]uint64, batch)
		var wg sync.WaitGroup
		wg.Add(int(batch))
		for i := range results {
			i, task := i, uint64(first)+uint64(i)
			go func() {
				results[i] = worked(task, runtime.Gosched)
				wg.Done()
			}()
		}
		wg.Wait()
		for _, i := range []int64{0, batch / 2} {
			check(results[i] == worked(uint64(first+i), func() {}))
		}
	}
}

func idle(tasks int64) {
	var begun int64
	before := memory()
	for i := int64(0); i < tasks; i++ {
		go func() {
			atomic.AddInt64(&begun, 1)
			time.Sleep(time.Hour)
		}()
	}
	for atomic.LoadInt64(&begun) < tasks {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(200 * time.Millisecond)
	each := float64(memory()-before) / float64(tasks)
	fmt.Printf("workload=idle peer=go n=%d bytes_per_task=%.1f\n", tasks, each)
}

func timers(tasks int64) {
	random := rand.New(rand.NewSource(1))
	before := cpuTime()
	took := timed(func() {
		var wg sync.WaitGroup
		wg.Add(int(tasks))
		for i := int64(0); i < tasks; i++ {
			length := time.Duration(random.Int63n(1_000_000)) * time.Microsecond
			go func() {
				time.Sleep(length)
				wg.Done()
			}()
		}
		wg.Wait()
	})
	each := float64(cpuTime()-before) / float64(tasks)
	fmt.Printf("workload=timers peer=go n=%d ns_per_op=%.1f wall_ms=%d\n", tasks, each, took.Milliseconds())
}

func listen() net.Listener {
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", number(0)))
	if err != nil {
		panic(err)
	}
	fmt.Printf("ready port=%d\n", number(0))
	return listener
}

func echo(connection net.Conn) {
	defer connection.Close()
	buffer := make([]byte, 4096)
	for {
		n, err := connection.Read(buffer)
		if err != nil {
			return
		}
		if _, err := connection.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func serveEcho() {
	listener := listen()
	for {
		connection, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		go echo(connection)
	}
}

func hello(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	io.WriteString(w, "Hello, world!")
}

// threads takes the number of threads from the command line, where the workload has one.
func threads(workload string) int64 {
	switch workload {
	case "spawn", "pingpong", "skynet", "skew", "timers", "echo", "http":
		return number(1)
	}
	return 1
}

func main() {
	workload := os.Args[1]
	runtime.GOMAXPROCS(int(threads(workload)))
	n := number(0)
	switch workload {
	case "gen":
		report(n, timed(func() { values(n) }))
	case "gennew":
		report(n, timed(func() { generators(n) }))
	case "yield":
		each := number(1)
		report(n*each, timed(func() { yields(n, each) }))
	case "spawn":
		batch := number(2)
		report(n, timed(func() { spawns(n, batch) }))
	case "pingpong":
		report(n, timed(func() { messages(n) }))
	case "skynet":
		skynet(n, number(2))
	case "skew":
		batch := number(2)
		report(n, timed(func() { skew(n, batch) }))
	case "idle":
		idle(n)
	case "timers":
		timers(n)
	case "echo":
		serveEcho()
	case "http":
		panic(http.Serve(listen(), http.HandlerFunc(hello)))
	default:
		unsupported()
	}
}
