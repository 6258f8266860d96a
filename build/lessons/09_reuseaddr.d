build/lessons/09_reuseaddr.o: lessons/09_reuseaddr.c common/args.h \
 common/die.h common/net.h common/say.h common/serial.h common/stop.h
common/args.h:
common/die.h:
common/net.h:
common/say.h:
common/serial.h:
common/stop.h:
