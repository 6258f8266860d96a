build/lessons/01_serial_server.o: lessons/01_serial_server.c \
 common/args.h common/die.h common/say.h
common/args.h:
common/die.h:
common/say.h:
