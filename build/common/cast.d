build/common/cast.o: common/cast.c common/cast.h common/die.h \
 common/say.h common/stop.h
common/cast.h:
common/die.h:
common/say.h:
common/stop.h:
