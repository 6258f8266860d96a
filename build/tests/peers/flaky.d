build/tests/peers/flaky.o: tests/peers/flaky.c
