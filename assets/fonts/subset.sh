#!/bin/sh
# Makes the subsets from Debian's fonts-dejavu-core with fonttools (pip install fonttools). Run once; the result is committed.
set -eu
cd "$(dirname "$0")"
from=${1:-/usr/share/fonts/truetype/dejavu}
for face in DejaVuSans DejaVuSans-Bold; do
    pyftsubset "$from/$face.ttf" --output-file="$face.subset.ttf" --no-hinting --desubroutinize --notdef-outline \
        --layout-features='' --drop-tables+=GSUB,GPOS,GDEF,kern,FFTM,gasp,MATH --name-IDs='0,1,2,3,4,5,6,13,14' \
        --unicodes='20-7E,A0-AC,AE-17F,18F,192,1A0-1A1,1AF-1B0,1CD-1DC,218-21B,2C6-2C7,2D8-2DD,386-3CE,3D1,3D5,3F1,400-45F,490-4FF,1E80-1E85,1EA0-1EF9,2010-2015,2018-201E,2020-2022,2026,2030,2032-2033,2039-203A,2044,2070-2079,207A-207E,2080-208E,20AC,20BD,20BF,2116,2122,2126,2190-2195,21D0-21D4,2202,2206,2208,220F,2211-2213,221A,221E,2229,222B,2248,2260-2261,2264-2265,226A-226B,25A0-25A1,25AA-25AB,25B2-25B3,25B6-25B7,25BC-25BD,25C0-25C1,25C6-25C7,25CA-25CB,25CF,2605-2606,2713,2717,FB01-FB02,FFFD'
done
