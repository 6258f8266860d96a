build/common/net.o: common/net.c common/net.h common/args.h common/die.h \
 common/say.h
common/net.h:
common/args.h:
common/die.h:
common/say.h:
