build/common/lines.o: common/lines.c common/lines.h
common/lines.h:
