build/lessons/07_poll_server.o: lessons/07_poll_server.c common/args.h \
 common/cast.h common/crowd.h common/die.h common/net.h common/say.h \
 common/stop.h common/talk.h common/upper.h
common/args.h:
common/cast.h:
common/crowd.h:
common/die.h:
common/net.h:
common/say.h:
common/stop.h:
common/talk.h:
common/upper.h:
