build/common/crowd.o: common/crowd.c common/crowd.h common/cast.h \
 common/die.h common/net.h common/say.h
common/crowd.h:
common/cast.h:
common/die.h:
common/net.h:
common/say.h:
