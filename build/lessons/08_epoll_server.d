build/lessons/08_epoll_server.o: lessons/08_epoll_server.c common/args.h \
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
