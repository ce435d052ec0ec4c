# What can happen to a camera, and what gatehousectl makes of it. Runs in the virtual machine that tests/camera/vm
# starts, in busybox's shell, and ends with 0 if all of it is right.

passed=0
failed=0
CAMERA=
# Seconds without a frame that are too many; the emulator needs its time.
FROZEN=15

clock() { cut -d' ' -f1 /proc/uptime; }
pass() { passed=$((passed + 1)); echo "PASS $1 ($(clock) s)"; }
fail() { failed=$((failed + 1)); echo "FAIL $1 ($(clock) s)"; }
part() { case " $(cat /only 2>/dev/null || echo "$1") " in *" $1 "*) echo "== $1" ;; *) return 1 ;; esac }

# waits SECONDS CONDITION…: until the condition holds
waits() {
    local tries=$(($1 * 10))
    shift
    while ! "$@"; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || return 1
        usleep 100000
    done
}

# plug OPTIONS…: plugs a camera in and waits for its device
plug() {
    fake-camera "$@" &
    CAMERA=$!
    waits 20 test -e /dev/video0 || { fail "/dev/video0 came"; dmesg | tail -20; }
}

gone() { ! test -e /dev/video0; }

unplug() {
    kill $CAMERA 2>/dev/null
    wait $CAMERA 2>/dev/null
    waits 20 gone || fail "/dev/video0 went"
}

scan() { gatehousectl scan --source camera:0 --frozen-after $FROZEN --timeout 60 "$@" >/tmp/out 2>/tmp/err; }

# ends NAME CODE OPTIONS…: a scan ends with this exit code
ends() {
    local name=$1 wanted=$2 code
    shift 2
    scan "$@"
    code=$?
    if [ $code = "$wanted" ]; then
        pass "$name"
    else
        fail "$name: ended with $code instead of $wanted"
        cat /tmp/out /tmp/err
    fi
}

# reads NAME TEXT: a scan reads this text and says so in JSON
reads() {
    ends "$1" 0 --once --json
    local line="{\"file\":\"camera:0\",\"texts\":[\"$2\"],\"ms\":"
    case $(cat /tmp/out) in
    "$line"*) pass "$1: the line" ;;
    *) fail "$1: the line"; cat /tmp/out ;;
    esac
}

says() {
    if grep -q "$2" /tmp/err; then pass "$1"; else fail "$1"; cat /tmp/err; fi
}

printed() { [ "$(grep -c "^$1\$" /tmp/long 2>/dev/null)" -ge 1 ]; }

# A scan in the background, into /tmp/long and /tmp/long-err.
long_scan() {
    gatehousectl scan --source camera:0 --frozen-after $FROZEN "$@" >/tmp/long 2>/tmp/long-err &
    LONG=$!
}

end_long_scan() {
    kill $LONG 2>/dev/null
    wait $LONG 2>/dev/null
}

while read -r module; do
    insmod "/modules/$module" || exit 1
done </modules/order
echo "Linux $(uname -r) with uvcvideo after $(clock) s"

[ -e /card.png ] && part card && {
    plug --picture /card.png
    ends "the card is read" 0 --once
    # The line to the host.
    stty -F /dev/ttyS1 raw
    head -1 /tmp/out >/dev/ttyS1
    unplug
}

part no-camera && {
    ends "without a camera a scan says so" 3 --once --json
    says "and how to help it" "No such camera is plugged in"
    case $(cat /tmp/out) in '{"file":"camera:0","texts":[],"ms":'*) pass "with a line all the same" ;; *) fail "with a line all the same" ;; esac
    gatehousectl scan --list >/dev/null 2>&1
    [ $? = 3 ] && pass "the list of cameras is empty" || fail "the list of cameras is empty"
}

part formats && {
    plug --text "GH0:YUYV" --name "Front desk"
    reads "YUYV" "GH0:YUYV"
    gatehousectl scan --list >/tmp/out 2>&1
    case $(cat /tmp/out) in *"camera:0	Front desk"*) pass "the camera is listed" ;; *) fail "the camera is listed"; cat /tmp/out ;; esac
    [ "$(wc -l </tmp/out)" = 1 ] && pass "without its node for metadata" || fail "without its node for metadata"
    gatehousectl scan --source camera:7 --once >/dev/null 2>&1
    [ $? = 3 ] && pass "another number is no camera" || fail "another number is no camera"
    unplug
    plug --text "GH0:MJPG" --modes MJPG:640x480
    reads "MJPEG without Huffman tables" "GH0:MJPG"
    unplug
    plug --text "GH0:CUT" --modes MJPG:640x480 --truncate
    reads "MJPEG of which every second frame breaks off" "GH0:CUT"
    unplug
}

part fallback && {
    plug --text "GH0:2997" --modes YUYV:320x240 --interval 333667
    reads "29.97 frames a second and nothing else" "GH0:2997"
    unplug
    plug --text "GH0:GREY" --modes GREY:640x480
    reads "GREY and nothing else" "GH0:GREY"
    unplug
}

part busy && {
    plug --text "GH0:BUSY"
    long_scan
    waits 30 printed "GH0:BUSY" && pass "the first program reads" || fail "the first program reads"
    ends "the second one finds the camera busy" 4 --once
    says "and says so" "Another program uses the camera"
    kill -0 $LONG && pass "the first one goes on" || fail "the first one goes on"
    (sleep 4; kill $LONG) &
    ends "who waits gets the camera" 0 --once --wait
    end_long_scan
    unplug
}

part unplug && {
    plug --text "GH0:ONE" --unplug-after 12
    ends "a camera that is pulled out ends a scan" 5
    says "and says so" "The camera was unplugged"
    grep -q "GH0:ONE" /tmp/out && pass "after it has read" || fail "after it has read"
    waits 20 gone
    plug --text "GH0:TWO" --unplug-after 12
    long_scan --wait
    waits 30 printed "GH0:TWO" && pass "a patient scan reads" || fail "a patient scan reads"
    waits 30 gone
    waits 20 grep -q unplugged /tmp/long-err && pass "notices that the camera is pulled out" ||
        fail "notices that the camera is pulled out"
    plug --text "GH0:THREE"
    waits 40 printed "GH0:THREE" && pass "and reads on when it is plugged in again" ||
        { fail "and reads on when it is plugged in again"; cat /tmp/long /tmp/long-err; }
    end_long_scan
    unplug
}

part freeze && {
    FROZEN=4
    plug --text "GH0:COLD" --freeze-after 6
    started=$(cut -d. -f1 /proc/uptime)
    ends "a camera that freezes ends a scan" 6
    says "and says so" "delivers no pictures"
    [ $(($(cut -d. -f1 /proc/uptime) - started)) -lt 40 ] && pass "soon" || fail "soon"
    unplug
    plug --text "GH0:COLD" --freeze-after 6
    long_scan --wait
    waits 40 grep -q "delivers no pictures" /tmp/long-err && pass "a patient scan notices the freeze" ||
        fail "a patient scan notices the freeze"
    unplug
    plug --text "GH0:WARM"
    waits 60 printed "GH0:WARM" && pass "and reads on with a sound camera" ||
        { fail "and reads on with a sound camera"; cat /tmp/long /tmp/long-err; }
    end_long_scan
    unplug
    FROZEN=15
}

part light && {
    plug --text "GH0:DARK" --modes YUYV:320x240 --interval 500000 --place dark
    long_scan
    waits 60 grep -q "too dark" /tmp/long-err && pass "a dark picture is called dark" ||
        { fail "a dark picture is called dark"; cat /tmp/long /tmp/long-err; }
    end_long_scan
    unplug
}

echo "$passed passed, $failed failed"
[ $failed = 0 ] && [ $passed -gt 0 ]
