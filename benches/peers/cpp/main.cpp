// Boost.Context (gen, gennew) and Boost.Fiber (the rest): pooled stacks of 16 KiB, one thread, round robin. The command line
// and the line that is printed are those of ../src/lib.rs.
#include <boost/context/fiber.hpp>
#include <boost/context/pooled_fixedsize_stack.hpp>
#include <boost/fiber/all.hpp>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <sys/resource.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace context = boost::context;
namespace fibers = boost::fibers;
using fibers::fiber;
using Clock = std::chrono::steady_clock;
using u64 = uint64_t;

static char **arguments;

static u64 number(int index) { return std::strtoull(arguments[index + 2], nullptr, 10); }

template <class F> static double timed(F &&f) {
    auto begin = Clock::now();
    f();
    return std::chrono::duration<double, std::nano>(Clock::now() - begin).count();
}

static void print(u64 n, const char *metric, double value) {
    std::printf("workload=%s peer=boost n=%llu %s=%.3f\n", arguments[1], (unsigned long long)n, metric, value);
}

static void report(u64 n, double took) { print(n, "ns_per_op", took / n); }

static void check(bool ok) {
    if (!ok) {
        std::fprintf(stderr, "a wrong sum\n");
        std::abort();
    }
}

static u64 memory() {
    std::ifstream status("/proc/self/status");
    std::string line;
    u64 sum = 0;
    while (std::getline(status, line))
        if (line.rfind("VmRSS:", 0) == 0 || line.rfind("VmPTE:", 0) == 0)
            sum += std::strtoull(line.c_str() + 6, nullptr, 10) * 1024;
    return sum;
}

static double cpu_time() {
    rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e9 + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e3;
}

static context::pooled_fixedsize_stack &pool() {
    static context::pooled_fixedsize_stack stacks(16 * 1024);
    return stacks;
}

template <class F> static fiber spawn(F &&f) {
    return fiber(fibers::launch::post, std::allocator_arg, pool(), std::forward<F>(f));
}

static void join(std::vector<fiber> &tasks) {
    for (auto &task : tasks) task.join();
}

static u64 sum_of_generator(u64 n) {
    u64 value = 0, sum = 0;
    context::fiber generator(std::allocator_arg, pool(), [&value, n](context::fiber &&consumer) {
        for (u64 i = 0; i < n; i++) {
            value = i;
            consumer = std::move(consumer).resume();
        }
        return std::move(consumer);
    });
    while ((generator = std::move(generator).resume())) sum += value;
    return sum;
}

static void generators(u64 n) {
    for (u64 i = 0; i < n; i++) check(sum_of_generator(3) == 3);
}

static void yields(u64 tasks, u64 each) {
    std::vector<fiber> spawned;
    for (u64 i = 0; i < tasks; i++)
        spawned.push_back(spawn([each] {
            for (u64 j = 0; j < each; j++) boost::this_fiber::yield();
        }));
    join(spawned);
}

static void spawns(u64 tasks, u64 batch) {
    std::vector<u64> results(batch);
    u64 sum = 0;
    for (u64 first = 0; first < tasks; first += batch) {
        std::vector<fiber> spawned;
        spawned.reserve(batch);
        for (u64 i = 0; i < batch; i++) spawned.push_back(spawn([&results, first, i] { results[i] = first + i; }));
        join(spawned);
        for (u64 result : results) sum += result;
    }
    check(sum == tasks * (tasks - 1) / 2);
}

static void messages(u64 n) {
    // Of a channel's capacity one is always free, so these hold one message.
    fibers::buffered_channel<u64> there(2), back(2);
    auto ping = spawn([&] {
        u64 value = 0;
        for (u64 i = 0; i < n / 2; i++) {
            there.push(i);
            back.pop(value);
            check(value == i);
        }
    });
    auto pong = spawn([&] {
        u64 value = 0;
        for (u64 i = 0; i < n / 2; i++) {
            there.pop(value);
            back.push(value);
        }
    });
    ping.join();
    pong.join();
}

static u64 tree(u64 first, u64 leaves) {
    if (leaves == 1) return first;
    u64 part = leaves / 10, results[10], sum = 0;
    std::vector<fiber> children;
    children.reserve(10);
    for (u64 i = 0; i < 10; i++)
        children.push_back(spawn([&results, first, part, i] { results[i] = tree(first + i * part, part); }));
    join(children);
    for (u64 result : results) sum += result;
    return sum;
}

static void skynet(u64 leaves, u64 times) {
    double last = 0;
    u64 sum = 0, tasks = 0;
    for (u64 i = 0; i < times; i++) {
        last = timed([&] { spawn([&] { sum = tree(0, leaves); }).join(); });
        check(sum == leaves * (leaves - 1) / 2);
    }
    for (u64 l = leaves; l; l /= 10) tasks += l;
    report(tasks, last);
}

static void idle(u64 tasks) {
    u64 begun = 0, before = memory();
    for (u64 i = 0; i < tasks; i++)
        spawn([&begun] {
            begun++;
            boost::this_fiber::sleep_for(std::chrono::hours(1));
        }).detach();
    while (begun < tasks) boost::this_fiber::yield();
    boost::this_fiber::sleep_for(std::chrono::milliseconds(200));
    print(tasks, "bytes_per_task", double(memory() - before) / tasks);
    std::fflush(stdout);
    _exit(0);
}

static void timers(u64 tasks) {
    std::mt19937_64 random(1);
    std::vector<fiber> spawned;
    spawned.reserve(tasks);
    double before = cpu_time();
    for (u64 i = 0; i < tasks; i++) {
        auto length = std::chrono::microseconds(random() % 1000000);
        spawned.push_back(spawn([length] { boost::this_fiber::sleep_for(length); }));
    }
    join(spawned);
    print(tasks, "ns_per_op", (cpu_time() - before) / tasks);
}

int main(int count, char **given) {
    if (count < 3) return 2;
    arguments = given;
    std::string workload = given[1];
    u64 n = number(0);
    if (workload == "gen")
        report(n, timed([n] { check(sum_of_generator(n) == n * (n - 1) / 2); }));
    else if (workload == "gennew")
        report(n, timed([n] { generators(n); }));
    else if (workload == "yield")
        report(n * number(1), timed([n] { yields(n, number(1)); }));
    else if (workload == "idle")
        idle(n);
    else if (workload != "spawn" && workload != "pingpong" && workload != "skynet" && workload != "timers")
        return 64;
    else if (number(1) != 1)
        return 64;
    else if (workload == "spawn")
        report(n, timed([n] { spawns(n, number(2)); }));
    else if (workload == "pingpong")
        report(n, timed([n] { messages(n); }));
    else if (workload == "skynet")
        skynet(n, number(2));
    else
        timers(n);
}
