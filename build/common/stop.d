build/common/stop.o: common/stop.c common/stop.h common/die.h
common/stop.h:
common/die.h:
