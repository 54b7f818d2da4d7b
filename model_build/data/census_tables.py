"""Rounded aggregates of the UCI Adult census file: shares, ratios and log-odds; no row of it is here.

Source: Becker, B. & Kohavi, R. (1996), Adult, UCI Machine Learning Repository,
https://doi.org/10.24432/C5XW20, licensed under CC BY 4.0.

How to read a table: a row is a level, a column is a group of people, and a cell says how many of a thousand
people in the group have the level. If a draw multiplies several columns, the first has these shares and the
others have factors. Groups 17, 20, 23 ... are age bands, and 1, 9, 10, 11, 13, 14, 15 are schools (bands of
education_num); both are named by their first value. F or M in front of a band is the sex.
"""

AGES = (17, 20, 23, 26, 31, 36, 46, 56, 66)
SCHOOLS = (1, 9, 10, 11, 13, 14, 15)
SHIFTS = (1, 25, 35, 40, 41, 50, 60)
MALE_SHARE = 0.669

AGE_PERCENTILES = """
        0 10 20 30 40 50 60 70 80 90 95 99 100
Female 17 20 23 27 31 35 39 44 49 57 63 73  90
Male   17 23 27 31 34 38 42 46 51 58 63 74  90
"""
RACE = """
                   Female Male
Amer-Indian-Eskimo     11    9
Asian-Pac-Islander     32   32
Black                 144   72
Other                  10    7
White                 802  880
"""
# The last column marks the countries whose emigrants have as little schooling as those from Latin America.
COUNTRY = """
                           White Black Asian Amer Other Latin
?                             14    31    80    0    66     0
Cambodia                       0    .3    17    0     0     1
Canada                       4.3     0   1.0    0   3.7     0
China                         .1     0    70    0     0     0
Columbia                     1.8     0     0  3.2    26     1
Cuba                         3.2   1.0     0    0   7.4     1
Dominican-Republic           1.4   3.8   1.0    0    66     1
Ecuador                       .7     0     0    0    33     1
El-Salvador                  3.6    .3     0    0    15     1
England                      2.9   2.6   1.0    0     0     0
France                       1.0    .3     0    0     0     0
Germany                      4.5   2.6   2.9  3.2   3.7     0
Greece                       1.0     0   1.0    0     0     0
Guatemala                    2.2     0     0    0    15     1
Haiti                          0    14   1.0    0     0     1
Holand-Netherlands            .1     0     0    0     0     0
Honduras                      .4    .3     0    0     0     1
Hong                          .1     0    16  3.2     0     0
Hungary                       .5     0     0    0     0     0
India                         .3    .6    82    0    18     0
Iran                         1.3     0   5.8    0   7.4     0
Ireland                       .8     0   1.0    0     0     0
Italy                        2.6     0     0    0     0     0
Jamaica                       .2    24     0    0   3.7     0
Japan                         .7   1.0    37    0   7.4     0
Laos                           0     0    17    0     0     1
Mexico                        21   1.3   1.0   26   148     1
Nicaragua                    1.0    .6     0    0    15     1
Outlying-US(Guam-USVI-etc)    .3   1.9     0    0     0     0
Peru                         1.1     0     0    0   3.7     1
Philippines                   .3    .3   181  3.2     0     0
Poland                       2.1     0   1.0    0     0     0
Portugal                     1.3     0   1.0    0     0     1
Puerto-Rico                  2.9   2.9   1.0  3.2    77     1
Scotland                      .4     0     0    0     0     0
South                         .1     0    74  6.4     0     0
Taiwan                        .1     0    46    0   3.7     0
Thailand                      .1     0    15    0     0     0
Trinadad&Tobago                0   5.1   1.9    0   3.7     0
United-States                921   907   281  952   476     0
Vietnam                       .1     0    63    0     0     0
Yugoslavia                    .6     0     0    0     0     0
"""
EDUCATION = """
             number  17  20  23  26  31  36  46  56  66 White Black Asian Amer Other Latin
Preschool         1  .4   1   1  .3   1   1   2   1   4    .6   1.2   5.2    0     0    41
1st-4th           2   1   1   1   1   2   2   3  10  17    .5   1.7   1.7  4.3     0    60
5th-6th           3   3   4   3   4   3   4   7  14  26    .6    .9   3.3   .7   1.5    48
7th-8th           4   9   5  10   9  11   9  22  52  81    .9   1.1    .6  1.8   3.8   8.8
9th               5  23  12  10  10  11  10  14  27  33    .9   2.2    .8  1.4   1.6   8.1
10th              6 117  22  18  23  20  17  25  43  44    .9   1.8    .5  2.2   1.4   2.4
11th              7 237  28  28  26  25  19  23  31  33   1.0   1.7    .7  1.5   1.1   2.1
12th              8  76  15  12   9  11   8   8  11   5    .9   2.1    .7  1.6   3.2   3.3
HS-grad           9 258 313 305 338 349 314 334 348 318   1.0   1.2    .7  1.3    .9   1.1
Some-college     10 271 497 268 211 202 207 190 172 158   1.0   1.1    .9  1.3   1.0    .8
Assoc-voc        11   2  31  40  55  54  53  42  30  30   1.0    .9    .9  1.4    .7    .6
Assoc-acdm       12   1  28  43  39  42  41  31  19  14   1.0   1.0    .9   .8   1.5    .6
Bachelors        13   1  42 242 218 193 198 163 134 123   1.0    .6   1.8   .4    .9    .5
Masters          14   1   1  18  38  48  76  89  62  53   1.1    .5   1.9   .3    .9    .5
Prof-school      15   0   0   1  14  16  27  24  24  30   1.1    .3   2.6   .4   1.8    .7
Doctorate        16   0   0  .4   5  12  15  24  21  30   1.1    .3   2.6   .9   1.4    .5
"""
MARITAL = """
                      F17 F20 F23 F26 F31 F36 F46 F56 F66 M17 M20 M23 M26 M31 M36 M46 M56 M66
Divorced                6  14  65 148 278 415 447 349 184   1   6  19  51  89 122 109  87  39
Married-AF-spouse       3   1   1   2   3   1   0   0   3   0   0   0   2   0  .2  .2   0   0
Married-civ-spouse     13  35 106 181 202 225 199 170  77  12  95 241 479 632 720 801 826 795
Married-spouse-absent   3  10  11  21  20  19  24  17  15   1   5   6   7   9  10  13   9  12
Never-married         972 923 779 591 403 226 137 100 102 984 889 720 443 246 120  55  47  59
Separated               4  15  37  51  78  75  77  42  22   1   5  14  17  23  25  14  13   6
Widowed                 0   2   1   6  16  39 116 322 597   1   0   0   1   1   3   8  18  88
"""
MARITAL_BY_ORIGIN_AND_SCHOOL = """
                      White Black Asian Amer Other Latin   1   9  10  11  13  14  15
Divorced                1.1    .9    .6  1.3   1.0    .5 1.1 1.2 1.2 1.2  .7  .7  .6
Married-AF-spouse       1.2    .4     0    0     0     0   0 2.0  .6 1.7 1.2   0   0
Married-civ-spouse      1.0    .7   1.1   .9    .9   1.1 1.0 1.0 1.0 1.0 1.0 1.0 1.2
Married-spouse-absent    .7   1.3   3.4  2.2   2.7   4.8 1.6 1.0  .9  .8 1.0  .7  .8
Never-married            .9   1.7   1.1  1.0   1.0   1.1  .9  .9 1.0  .9 1.3 1.3 1.2
Separated                .9   2.3    .7  1.1   1.7   1.6 1.8 1.3 1.0  .8  .6  .4  .6
Widowed                 1.0   1.0   1.0  1.4   1.3    .8 1.6 1.4 1.0  .9  .6  .5  .3
"""
# F17 ... M66 have never married, Fonce and Monce were married once, Fwed and Mwed live with their spouse.
RELATIONSHIP = """
               F17 F20 F23 F26 F31 F36 F46 F56 F66 M17 M20 M23 M26 M31 M36 M46 M56 M66 Fonce Monce Fwed Mwed
Husband          0   0   0   0   0   0   0   0   0   0   0   0   0   0   0   0   0   0     0     0    0  990
Not-in-family  118 282 426 557 573 582 604 734 750  96 242 425 564 644 731 729 823 795   430   675    3    1
Other-relative  61  52  45  40  38  35  53  76 111  70  79  61  83  43  37  61  42 114    34    38   32    5
Own-child      801 600 433 261 174 152 110  63  83 824 645 454 290 239 178 131  73  45    57    94   27    4
Unmarried       20  67  96 142 216 230 233 127  56  10  34  61  63  73  55  79  62  45   478   193    0    0
Wife             0   0   0   0   0   0   0   0   0   0   0   0   0   0   0   0   0   0     0     0  938    0
"""

WORKCLASS = """
                  17  20  23  26  31  36  46  56  66   1   9  10  11  13  14  15 Female Male
?                139 115  45  38  31  19  29 100 264 1.4  .9 1.2 1.0  .8  .7  .9    1.3   .9
Federal-gov        8  10  13  20  25  35  46  41  19  .2  .9 1.3 1.3 1.4 1.3 1.6    1.1  1.0
Local-gov         29  21  44  57  58  75  86  76  60  .7  .8  .9 1.1 1.4 3.2 1.0    1.3   .9
Never-worked       1  .4  .4  .3   0   0   0   0   0 3.5  .7 1.4   0   0   0   0     .7  1.2
Private          751 793 828 783 753 705 649 560 405 1.2 1.1 1.0 1.0  .9  .9  .8    1.1  1.0
Self-emp-inc      16   5  10  16  22  36  51  55  67  .5  .8 1.1 1.0 1.5 1.3 3.0     .4  1.3
Self-emp-not-inc  26  16  25  52  71  86  97 126 156 1.0 1.1 1.0 1.0  .9  .9 2.1     .5  1.3
State-gov         29  39  36  33  40  42  42  40  27  .4  .7 1.2  .9 1.3 2.8 3.8    1.2   .9
Without-pay        1   1   0  .2   0   0  .4   1   3  .3 2.0  .9 1.5   0   0   0    1.0  1.0
"""
OCCUPATION = """
                   F1  F9 F10 F11 F13 F14 F15  M1  M9 M10 M11 M13 M14 M15  17  20  23  26  31  36  46  56  66
?                   1   1   1   1   1   1   1   1   1   1   1   1   1   1 1.0 1.0 1.0 1.0 1.0 1.0 1.0 1.0 1.0
Adm-clerical       96 291 327 285 152  58  17  24  56  81  66  62  34  17 1.6 1.3 1.2 1.1  .9  .9 1.0 1.1 1.3
Armed-Forces        0   0   0   0   0   0   0  .2  .2  .2  .2  .2  .2  .2  .1 1.0 1.0 1.0 1.0 1.0 1.0 1.0 1.0
Craft-repair       37  34  22  23   9   5   6 269 268 201 228  56  19  10  .4  .7  .9 1.0 1.2 1.2 1.1  .9  .4
Exec-managerial    31  94 149 140 246 240 121  32  80 144 124 276 332  85  .3  .4  .6  .8 1.0 1.2 1.3 1.3 1.5
Farming-fishing    20   8  10   4   3   0   0  91  53  36  45  22  10   4 1.4 1.7 1.1  .9 1.0 1.0  .8 1.1 1.2
Handlers-cleaners  31  26   8   6   2   0   0 111  72  50  31  13   6   0 2.3 2.3 1.9 1.4 1.0  .8  .6  .5  .7
Machine-op-inspct 177  83  29  18   8   5   7 128 112  57  52  15   6   2  .4  .9 1.2 1.1 1.0 1.2 1.1  .8  .6
Other-service     352 228 153 129  50  29   7 127  83  79  61  30   7   7 2.9 1.8 1.3  .9 1.0  .8  .8 1.0 1.2
Priv-house-serv    48  14   6   6   3   3   0   1   0   0   1   1   0   0 1.4 1.3 1.8  .8  .5  .7 1.2 1.3 5.6
Prof-specialty     20  32  69 195 349 572 782  13  19  60  94 245 407 831 1.3 1.0  .9 1.0 1.0 1.0 1.0 1.1 1.2
Protective-serv     6   6  10   7   6   0   0  11  28  38  44  20   8   2  .9  .9 1.0 1.5 1.2  .9  .9  .9 1.9
Sales             163 149 164  98 129  71  43  51  99 153 140 206 136  26 3.1 1.4 1.1  .9  .9  .8 1.0 1.1 1.3
Tech-support        9  18  45  83  42  17  17   4  14  35  75  39  25  11  .6  .9 1.2 1.2 1.0 1.1 1.0  .9  .6
Transport-moving   10  16   9   7   1   0   0 135 115  64  40  16   9   6  .4  .7  .8 1.0 1.0 1.2 1.1 1.1  .9
"""
OCCUPATION_BY_WORKCLASS = """
                  Federal-gov Local-gov Private Self-emp-inc Self-emp-not-inc State-gov Without-pay none
?                           0         0       0            0                0         0           0    1
Adm-clerical              4.9       2.1     1.0           .6               .3       2.8         1.1    0
Armed-Forces              114         0       0            0                0         0           0    0
Craft-repair               .7       1.0     1.1          1.0              2.0        .6          .7    0
Exec-managerial           1.7       1.1      .9          3.9              1.5       1.6           0    0
Farming-fishing            .4        .9      .6          2.1              6.9        .7          11    0
Handlers-cleaners         1.1       1.3     1.2           .1               .2        .3         1.4    0
Machine-op-inspct          .4        .2     1.3           .3               .3        .3         1.0    0
Other-service              .7       1.9     1.1           .6              1.2       1.7          .4    0
Priv-house-serv             0         0     1.3            0                0         0           0    0
Prof-specialty            1.9       3.9      .9          1.3              1.4       3.1           0    0
Protective-serv           2.0        15      .4           .3               .2       7.9           0    0
Sales                      .2        .1     1.0          3.9              1.9        .1           0    0
Tech-support              3.3       1.1     1.1           .2               .5       2.4           0    0
Transport-moving           .7       2.1     1.1           .6              1.1       1.2         1.6    0
"""
HOURS = """
           4  8 10 12 15 18 20 24 25 30 32 35 36 38  40 42 44 45 48 50 52 55 60 65 70 75 80 90 99
per_mille  7 10 10  6 20  5 39 10 22 39  9 42 12 17 470  8 13 58 19 88  6 25 48  9 11  3  7  2  3
"""

# The effect of a level on the latent hours (in standard deviations), and on the log-odds of >50K, of people
# who live with a spouse and of all others. 41h is the band from 41 hours a week. "?" counts twice:
# for workclass and for occupation.
EFFECTS = """
                 hours married single
1                  -.1     -.9    -.3
10                   0      .4     .4
11                   0      .5     .6
13                  .1     1.1    1.2
14                  .1     1.4    1.6
15                  .3     1.9    2.4
17                 -.8    -1.6   -2.1
20                 -.4    -2.2   -1.8
23                 -.2    -1.6   -1.8
26                   0     -.9   -1.1
31                   0     -.5    -.4
46                   0      .3     .3
56                 -.3       0     .4
66                -1.1     -.3     .3
?                 -.25    -.25    -.3
Federal-gov          0      .4     .2
Local-gov          -.1     -.2    -.4
Never-worked       -.2     -.5    -.5
Self-emp-inc        .4      .3     .1
Self-emp-not-inc    .1     -.5     .1
State-gov          -.2     -.3    -.6
Without-pay        -.1     -.9    -.9
Craft-repair        .1     -.2     .5
Exec-managerial     .3      .6    1.1
Farming-fishing     .5     -.9    -.2
Handlers-cleaners    0     -.7    -.8
Machine-op-inspct   .1     -.4    -.8
Other-service      -.2    -1.0    -.5
Priv-house-serv    -.1    -1.3    -.5
Prof-specialty      .1      .4     .8
Protective-serv     .2      .4    1.2
Sales               .2      .2     .6
Tech-support         0      .6     .7
Transport-moving    .3     -.3     .1
Husband             .2       0      0
Other-relative       0     -.9    -.6
Own-child          -.2     -.4    -.9
Wife               -.1      .3      0
Female             -.2      .3    -.7
Amer                 0     -.7      0
Asian              -.1     -.3     .3
Black              -.1     -.1    -.2
Other              -.1     -.4    -.5
Latin              -.1     -.6    -.5
1h                   0     -.9    -.9
25h                  0     -.8    -.8
41h                  0      .3     .7
50h                  0      .4    1.0
60h                  0      .3     .8
"""
BASE = {"hours": 0, "married": -0.45, "single": -3.05}

# The most frequent amounts in the real file; nearly all of them occur with one income only.
GAINS = {
    "<=50K": """
            0 594 1055 1506 2174 2407 2597 2829 2885 3103 3137 3325 3464 3908 4064 4386 4650 5013 6849
per_mille 958   3    2    2    4    3    2    3    2    1    3    4    2    3    3    1    3    4    2
""",
    ">50K": """
            0 3103 4386 4787 5178 7298 7688 8614 9386 10520 13550 14084 14344 15024 20051 27828 99999
per_mille 786   12    8    4   13   32   37    8    4     7     4     5     4    45     6     5    20
""",
}
LOSSES = {
    "<=50K": """
            0 625 1408 1485 1504 1579 1590 1602 1669 1672 1719 1740 1762 1876 1902 1980 2001 2051 2258 2377
per_mille 969   1    1    1    1    1    3    3    1    2    1    3    1    2    1    2    2    2    1    1
""",
    ">50K": """
            0 1485 1564 1848 1887 1902 1977 2174 2258 2377 2415 2444 2559 2824
per_mille 876    6    4    8   26   30   27    1    2    2    8    2    2    2
""",
}
