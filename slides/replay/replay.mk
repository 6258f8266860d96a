# The replay: a demo played under a recorder, for its picture and its page. See slides/replay/record.h.
# Plain objects, one frame for each call, at addresses that are the same in each run: so a record can say from which line it was called.

RECORDED := accept accept4 connect send sendto write recv recvfrom read shutdown close socketpair select pselect poll epoll_wait \
    pthread_create pthread_join pthread_mutex_init pthread_mutex_lock pthread_mutex_trylock pthread_mutex_timedlock \
    pthread_mutex_unlock pthread_cond_init pthread_cond_wait pthread_cond_timedwait pthread_cond_signal pthread_cond_broadcast \
    sem_init sem_wait sem_post fork waitpid waitid _exit kill pause sigsuspend sigtimedwait nanosleep
R := build/recorded
RECORD = $(CC) -std=c11 -D_XOPEN_SOURCE=700 -Icommon $(WARNINGS) -pthread -O0 -g -fno-omit-frame-pointer -fno-pie
RECORDER := $(patsubst %,$(R)/%.o,record names wrap_io wrap_threads wrap_processes)

# Which of them to draw: T=01a, T=17 for all of an hour, or all.
DRAWN = $(if $(T),$(filter $(T)_% $(T)a_% $(T)b_% $(T)c_% $(T)d_% $(T)e_%,$(LESSONS)),$(LESSONS))

$(R)/%.o: slides/replay/%.c slides/replay/record.h slides/replay/conductor.h
	@mkdir -p $(R)
	$(call quiet,CC   $<)$(RECORD) -c -o $@ $<

$(R)/lessons/%.o: lessons/%.c
	@mkdir -p $(@D)
	$(call quiet,CC   $<)$(RECORD) -MMD -MP -c -o $@ $<

$(R)/common/%.o: common/%.c
	@mkdir -p $(@D)
	$(call quiet,CC   $<)$(RECORD) -MMD -MP -c -o $@ $<

$(R)/libcommon.a: $(MODULES:%.c=$(R)/%.o)
	$(call quiet,AR   $@)rm -f $@; $(AR) rcs $@ $^

$(R)/play: $(R)/play.o $(R)/conductor.o
	$(call quiet,LINK $@)$(CC) -no-pie -pthread -o $@ $^

$(LESSONS:%=$(R)/%): $(R)/%: $(R)/lessons/%.o $(RECORDER) $(R)/libcommon.a
	$(call quiet,LINK $@)$(CC) -no-pie -pthread $(RECORDED:%=-Wl$(comma)--wrap=%) -o $@ $^ $(LDLIBS) $(LIBM)

build/replay/%.json: $(R)/% $(R)/play lessons/%.c $(patsubst %,slides/replay/%,read.awk actors.awk story.awk edges.awk json.awk layout.awk svg.awk arrows.awk replay.sh)
	$(call quiet,PLAY $*)bash slides/replay/replay.sh $*

# It plays others.
build/replay/26a_showdown.json: | $(LESSONS:%=build/%)

build/pictures/%.svg: build/replay/%.json ;

-include $(wildcard $(R)/lessons/*.d $(R)/common/*/*.d)
