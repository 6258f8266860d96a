build/lessons/03_unix_sockets.o: lessons/03_unix_sockets.c common/args.h \
 common/cast.h common/die.h common/say.h common/serial.h common/stop.h \
 common/talk.h
common/args.h:
common/cast.h:
common/die.h:
common/say.h:
common/serial.h:
common/stop.h:
common/talk.h:
