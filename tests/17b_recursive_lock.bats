# The mistakes that these tests catch: an if around the wait; a lock that one release frees, or that anybody may release.
# shellcheck disable=SC2034,SC2154
load helper
load peers/every_server

@test "17b: the demo is the same each time" { check_demo 5; }

# to ThreadSanitizer, a release that is refused is a bug of the program: here it is wanted
export TSAN_OPTIONS=report_mutex_bugs=0

steps='main   |                 our lock  pthreads  our count
ann    | acquires        yes       yes       1
ann    | acquires again  yes       yes       2
bob    | tries           EBUSY     EBUSY     2
bob    | releases        EPERM     EPERM     2
ann    | releases        yes       yes       1
bob    | tries           EBUSY     EBUSY     1
ann    | releases        yes       yes       0
ann    | releases        EPERM     EPERM     0
bob    | tries           yes       yes       1
bob    | releases        yes       yes       0'

@test "17b: our lock answers as PTHREAD_MUTEX_RECURSIVE does" {
    # whatever comes after them is for other tests
    equal 'the steps' "$steps" "$(limited "$PROGRAM" 2>&1 | sed -n 1,11p || true)"
}

@test "17b: under the lock none of 200,000 additions is lost" {
    local i
    for i in {1..5}; do
        equal 'the last line' 'main   | two threads add one 100000 times each: 200000' "$(play | tail -n 1)"
    done
}

# On a bad day every other wait returns at once, and nobody has released the lock: pthread_cond_wait(3).
@test "17b: a wait that returns for nothing waits on" {
    local said
    said=$(limited "$BUILD/flaky/$stem" 2>&1) || true
    [[ $said == *200000 && $said == "$(play)" ]] || fail 'where a wait may return for no reason, a thread goes on without the lock:' "$(tail -n 2 <<< "$said")"
}

# Two threads want the lock, and whoever has it pauses now and then: about two hundred waits.
@test "17b: a thread that cannot have the lock waits, and does not ask again and again" {
    local waits
    waits=$(counted waits)
    ((waits > 30)) || fail "two threads want the lock at once, and wait on a condition only $waits times:" \
        'whoever cannot have the lock has to wait until it is released, and must not ask again and again'
}

@test "17b: whoever waits has the mutex until the wait itself gives it back" {
    equal 'waits without the mutex' 0 "$(counted 'waits without the mutex')"
}

@test "17b: when the system has no thread for it, it says so and ends" { ends_when_a_thread_is_refused 2; }

@test "17b: names what is wrong" {
    refuses 2 '--limit: no such option; see --help' --limit 3
    refuses 2 'serve: no such command; see --help' serve
}

@test "17b: has help" { every_server_has_help; }
@test "17b: the slides show what is so" { check_slides; }
