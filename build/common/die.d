build/common/die.o: common/die.c common/die.h
common/die.h:
