#define PACKAGE_VERSION "5.6.13"
#define VPOPMAILDIR "/srv/vpopmail"
#define DOMAINS_DIR "domains"
#define USERS_BIG_DIR 1
#define SHA512_PASSWORDS 1
