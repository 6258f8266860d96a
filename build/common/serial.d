build/common/serial.o: common/serial.c common/serial.h common/say.h \
 common/stop.h
common/serial.h:
common/say.h:
common/stop.h:
