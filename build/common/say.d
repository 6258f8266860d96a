build/common/say.o: common/say.c common/say.h
common/say.h:
