// For editors and the type check: constants that the build gives with `--use`. A default stands where each is used.

declare const LAB_BATCHES: i32;
declare const LAB_BUCKETS: i32;
declare const LAB_CPU_QUEUE_BYTES: i32;
declare const LAB_FORM: i32;
declare const LAB_GROUP: i32;
declare const LAB_HZ: i32;
declare const LAB_MIN_PARTIAL: i32;
declare const LAB_REAP_MS: i32;
declare const LAB_TIMEOUT_MS: i32;
declare const LAB_RESTART: i32;
declare const LAB_WAIT: i32;
declare const LAB_ZONES: i32;
