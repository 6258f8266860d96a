build/lessons/02_datagrams.o: lessons/02_datagrams.c common/args.h \
 common/cast.h common/die.h common/say.h common/stop.h common/talk.h
common/args.h:
common/cast.h:
common/die.h:
common/say.h:
common/stop.h:
common/talk.h:
