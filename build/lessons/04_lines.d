build/lessons/04_lines.o: lessons/04_lines.c common/args.h common/cast.h \
 common/lines.h common/net.h common/say.h common/serial.h common/stop.h \
 common/talk.h
common/args.h:
common/cast.h:
common/lines.h:
common/net.h:
common/say.h:
common/serial.h:
common/stop.h:
common/talk.h:
