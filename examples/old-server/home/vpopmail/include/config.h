#define PACKAGE_VERSION "5.4.33"
#define VPOPMAILDIR "/home/vpopmail"
#define DOMAINS_DIR "domains"
#define USERS_BIG_DIR 1
#define CLEAR_PASS 1
