build/common/args.o: common/args.c common/args.h common/die.h
common/args.h:
common/die.h:
