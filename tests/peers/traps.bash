# What the framework of lessons 12b and 13 promises, tested from inside by servers.c, requests.c and workers.c: one function
# for each of their claims. A test file names its tests after these functions.
# shellcheck shell=bash

# ---- A server from its making to its end (socketserver) ----------------------------------------------------------------

plain_classes_serve_and_leave_nothing() { claim servers every-class; }
a_server_that_fails_leaks_nothing() { claim servers failed-inits; }
options_are_as_asked_for() { claim servers options; }
bound_and_activated_by_hand() { claim servers by-hand; }
a_path_is_private_and_goes() { claim servers paths; }

shutdown_in_a_handler_is_refused() { claim servers shutdown-in-a-handler; }
shutdown_without_a_loop_returns() { claim servers shutdown-without-a-loop; }
shutdown_of_an_idle_loop_is_quick() { claim servers shutdown-of-an-idle-loop; }
shutdown_of_loop_after_loop_returns() { claim servers shutdown-of-loop-after-loop; }
shutdown_leaves_no_spin() { claim servers shutdown-with-a-late-byte; }

accept_that_fails_does_not_spin() { claim servers accept-fails; }

# ---- One request (socketserver, handler) -------------------------------------------------------------------------------

methods_are_called_in_order() { claim requests order; }
handle_request_serves_exactly_one() { claim requests one-request; }
handle_request_waits_for_its_time_out() { claim requests the-time-out; }
serve_forever_runs_service_actions() { claim requests service-actions; }
a_stream_has_lines_and_time_outs() { claim requests stream-handler; }
a_datagram_is_always_answered() { claim requests datagram-handler; }

# ---- The same with a mixin ---------------------------------------------------------------------------------------------

methods_are_called_in_order_in_threads() { claim requests order-in-threads; }
methods_are_called_in_order_in_children() { claim requests order-in-children; }
handle_request_leaves_no_zombies() { claim requests one-request-in-a-child; }
handle_request_ends_in_a_full_house() { claim requests time-out-in-a-full-house; }
handle_request_ends_after_a_full_house() { claim requests time-out-after-a-full-house; }

# ---- A worker for each request (mixin) ---------------------------------------------------------------------------------

mixed_classes_serve_and_leave_nothing() { claim workers every-class; }
a_handler_may_have_large_locals() { claim workers large-locals; }
twenty_servers_end_at_once() { claim workers twenty-at-once; }
ended_threads_are_forgotten() { claim workers ten-in-a-row; }
a_burst_does_not_wait() { claim workers burst; }
a_full_house_sleeps() { claim workers full-house; }
a_full_house_needs_no_service_actions() { claim workers full-house-without-super; }
a_full_house_needs_no_descriptors() { claim workers full-house-without-descriptors; }
accept_that_fails_leaves_the_others_served() { claim workers accept-fails; }
the_last_descriptor_is_enough() { claim workers last-descriptor; }

server_close_hangs_up() { claim workers close-with-clients; }
server_close_ends_children_whatever_becomes_of_sigterm() { claim workers close-without-sigterm; }
server_close_ends_stubborn_children() { claim workers close-with-stubborn-children; }
children_outlive_the_loop_not_the_server() { claim workers children-outlive-the-loop; }
children_are_collected_without_sigchld() { claim workers no-sigchld; }
server_close_leaves_daemons_alone() { claim workers left-alone; }
shutdown_in_a_thread_is_allowed() { claim workers shutdown-in-a-thread; }

an_unrelated_child_keeps_its_status() { claim workers unrelated-child; }
what_is_printed_is_printed_once() { claim workers printed-once; }
a_crash_takes_nobody_with_it() { claim workers crash; }
a_process_left_behind_takes_no_place() { claim workers process-left-behind; }
a_child_may_become_another_program() { claim workers other-program; }
server_close_in_a_child_closes_its_own() { claim workers close-in-a-child; }
an_orphan_holds_no_port() { claim workers orphan; }
a_fork_does_not_wait_for_a_reader() { claim workers beside-a-reader; }
