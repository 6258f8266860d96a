build/common/talk.o: common/talk.c common/talk.h common/die.h
common/talk.h:
common/die.h:
